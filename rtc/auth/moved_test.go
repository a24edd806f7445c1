package auth

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/icholy/digest"
)

// A user who came from another server with hashes alone is asked for MD5, and logs in
// with his password, in both spellings of his name. Nobody logs in with the hashes that
// are unknown.
func TestUserWithHashesAlone(t *testing.T) {
	hash := func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	f := newFixture(t, nil)
	csv := "username\tdomain\tha1\tha1b\neve\texample.com\t" + hash("eve:example.com:"+password) + "\t" + strings.ToUpper(hash("eve@example.com:example.com:"+password)) + "\n"
	made, err := f.users.Import(t.Context(), strings.NewReader(csv))
	if err != nil || len(made) != 1 || made[0].Password != "" || made[0].AOR != "sip:eve@example.com" {
		t.Fatalf("%+v, %v", made, err)
	}
	out := ask(t, serve(t, f.Gate), register("eve"))
	if strings.Count(out, "\r\nWWW-Authenticate: ") != 1 || !strings.Contains(out, "algorithm=MD5") {
		t.Errorf("asked for\n%s", out)
	}
	for _, name := range []string{"eve", "eve@example.com"} {
		r := register("eve")
		c := f.challenge(f.send(r))["MD5"]
		v := f.send(r.with(f.answer(r, c, name, password, nil)))
		f.wantIdentity(v, "sip:eve@example.com")
	}
	r := register("eve")
	c := f.challenge(f.send(r))["SHA-256"]
	f.wantAsked(f.send(r.with(f.answer(r, c, "eve", password, nil))), false)
	zero := strings.Repeat("0", 64)
	f.wantAsked(f.send(r.with(f.answer(r, c, "eve", password, func(_ *digest.Challenge, o *digest.Options) { o.A1 = zero }))), false)
	for _, bad := range []string{"user,ha1\nx,123\n", "user,ha1b\nx," + strings.Repeat("0", 32) + "\n", "user,ha1,password\nx," + hash("x") + ",a password too\n"} {
		if _, err := f.users.Import(t.Context(), strings.NewReader(bad)); err == nil {
			t.Errorf("imported %q", bad)
		}
	}
}
