package digest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/icholy/digest"

	"tandem/rtc/sip"
)

func response(t testing.TB, lines ...string) *sip.Message {
	t.Helper()
	m := new(sip.Message)
	text := "SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\n" + strings.Join(append(lines, ""), "\r\n") + "Content-Length: 0\r\n\r\n"
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

const (
	www   = `WWW-Authenticate: Digest realm="example.com", nonce="n1"`
	proxy = `Proxy-Authenticate: Digest realm="example.com", nonce="n1"`
)

// What is answered to which challenges, computed anew by an independent
// implementation.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, challenge string
		header          string
		want            string // parameters the answer must have
	}{
		{"RFC 2069", www, "Authorization", ``},
		{"MD5", www + `, algorithm=MD5, qop="auth"`, "Authorization", `qop=auth, nc=00000001`},
		{"SHA-256", www + `, algorithm=SHA-256, qop="auth,auth-int"`, "Authorization", `algorithm=SHA-256, qop=auth,`},
		{"SHA-512-256", www + `, algorithm=SHA-512-256, qop=auth`, "Authorization", `algorithm=SHA-512-256`},
		{"a body that is covered", www + `, algorithm=SHA-256, qop="auth-int"`, "Authorization", `qop=auth-int`},
		{"a proxy", proxy + `, algorithm=md5, opaque="o\"p", qop="auth"`, "Proxy-Authorization", `opaque="o\"p"`},
		{"no blanks", `WWW-Authenticate: Digest realm="example.com",nonce="n1",qop="auth",stale=FALSE`, "Authorization", `qop=auth`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := One(Login{User: "alice", Password: "secret"})
			if !cl.Challenged(response(t, c.challenge), false) {
				t.Fatal("not answered")
			}
			lines := string(cl.Append(nil, "REGISTER", []byte("sip:example.com"), []byte("body")))
			name, value, _ := strings.Cut(strings.TrimSuffix(lines, "\r\n"), ": ")
			if name != c.header || !strings.Contains(value, c.want) {
				t.Errorf("answer %s, want %s and %s", lines, c.header, c.want)
			}
			got, err := digest.ParseCredentials(value)
			if err != nil {
				t.Fatal(err)
			}
			_, line, _ := strings.Cut(c.challenge, ": ")
			ch, err := digest.ParseChallenge(strings.Replace(line, "md5", "MD5", 1))
			if err != nil {
				t.Fatal(err)
			}
			opt := digest.Options{Method: "REGISTER", URI: "sip:example.com", Username: "alice", Password: "secret", Cnonce: got.Cnonce, Count: 1}
			if strings.Contains(c.want, "auth-int") {
				ch.QOP = []string{"auth-int"}
				opt.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("body")), nil }
			}
			want, err := digest.Digest(ch, opt)
			if err != nil {
				t.Fatal(err)
			}
			if got.Response != want.Response {
				t.Errorf("response %s, an independent client has %s", got.Response, want.Response)
			}
		})
	}
}

func TestChoice(t *testing.T) {
	alice := Login{User: "alice", Password: "secret"}
	hashed := Login{User: "alice", HA1: map[Algorithm][]byte{MD5: MD5.ha1("alice", "example.com", "secret")}}
	for _, c := range []struct {
		name  string
		login Login
		lines []string
		want  []string // realm and algorithm of each line of credentials
	}{
		{"the first", alice, []string{www + ", algorithm=SHA-256", www + ", algorithm=MD5"}, []string{"example.com SHA-256"}},
		{"the first known", alice, []string{www + ", algorithm=SHA3", www + ", algorithm=MD5-sess", www + ", algorithm=MD5"}, []string{"example.com MD5"}},
		{"the first there is a hash of", hashed, []string{www + ", algorithm=SHA-256", www + ", algorithm=MD5"}, []string{"example.com MD5"}},
		{"no hash", hashed, []string{www + ", algorithm=SHA-256"}, nil},
		{"two realms", alice, []string{www, `Proxy-Authenticate: Digest realm="p", nonce="x"`}, []string{"example.com MD5", "p MD5"}},
		{"several in one line", alice, []string{`WWW-Authenticate: Digest realm="q", nonce="y", algorithm=SHA-256, Digest realm="q", nonce="y", Digest realm="p", nonce="x"`}, []string{"q SHA-256", "p MD5"}},
		{"behind another scheme", alice, []string{`WWW-Authenticate: Basic realm="q", Digest realm="q", nonce="y"`}, []string{"q MD5"}},
		{"a realm without login", alice, []string{`WWW-Authenticate: Digest realm="stranger", nonce="x"`}, nil},
		{"another scheme", alice, []string{`WWW-Authenticate: NTLM realm="example.com"`, `WWW-Authenticate: Basic realm="example.com"`}, nil},
		{"no nonce", alice, []string{`WWW-Authenticate: Digest realm="example.com"`}, nil},
		{"an unknown qop", alice, []string{www + `, qop="magic"`}, nil},
		{"none", alice, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := NewClient(func(realm string) (Login, bool) { return c.login, realm != "stranger" })
			if got := cl.Challenged(response(t, c.lines...), false); got != (c.want != nil) {
				t.Fatalf("answered: %v", got)
			}
			var got []string
			for line := range strings.Lines(string(cl.Append(nil, "REGISTER", []byte("sip:example.com"), nil))) {
				_, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				cr, err := digest.ParseCredentials(value)
				if err != nil {
					t.Fatal(err)
				}
				if cr.Algorithm == "" {
					cr.Algorithm = "MD5"
				}
				got = append(got, cr.Realm+" "+cr.Algorithm)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Refused credentials are not offered again, unless the nonce was too old.
func TestRefusedAndStale(t *testing.T) {
	cl := One(Login{User: "alice", Password: "secret"})
	next := func(nonce, more string) string {
		return `WWW-Authenticate: Digest realm="example.com", nonce="` + nonce + `", qop="auth"` + more
	}
	for i, c := range []struct {
		line  string
		again bool
		want  bool
	}{
		{next("n1", ""), false, true},
		{next("n2", ""), true, false},
		{next("n3", ", stale=true"), true, true},
		{next("n4", `, stale="TRUE"`), true, true},
		{next("n5", ", stale=false"), true, false},
		{next("n6", ""), false, true}, // a later request: the server has forgotten its nonce
	} {
		if got := cl.Challenged(response(t, c.line), c.again); got != c.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	for want := 1; want <= 3; want++ {
		line := cl.Append(nil, "REGISTER", []byte("sip:example.com"), nil)
		if !bytes.Contains(line, fmt.Appendf(nil, `nonce="n6"`)) || !bytes.Contains(line, fmt.Appendf(nil, "nc=%08x", want)) {
			t.Errorf("use %d: %s", want, line)
		}
	}
}

func TestNoLogin(t *testing.T) {
	var cl *Client
	if b := cl.Append([]byte("x"), "BYE", nil, nil); string(b) != "x" {
		t.Errorf("%s", b)
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add([]byte(`Digest realm="a\"b", nonce=n, algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=true`))
	f.Add([]byte(`Digest nonce="`))
	f.Fuzz(func(t *testing.T, v []byte) {
		m := new(sip.Message)
		if m.Parse(append(append([]byte("SIP/2.0 401 U\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: "), v...), "\r\nContent-Length: 0\r\n\r\n"...)) != nil {
			return
		}
		cl := One(Login{User: "a", Password: "p"})
		cl.Challenged(m, false)
		line := cl.Append(nil, "REGISTER", []byte("sip:a"), nil)
		for i := range line { // folds apart, a challenge adds no line
			if line[i] == '\n' && i+1 < len(line) && line[i+1] != ' ' && line[i+1] != '\t' && !bytes.HasPrefix(line[i+1:], []byte("Authorization:")) {
				t.Errorf("a line of the challenger's: %q", line)
			}
		}
	})
}
