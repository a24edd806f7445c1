package trace

import (
	"strings"
	"testing"
	"time"
)

// What proves knowledge of a password is not shown, however it is written; all
// else stands as it was.
func TestDigestResponsesAreMasked(t *testing.T) {
	const secret = "0123456789abcdef"
	for _, line := range []string{
		`Authorization: Digest username="alice", response="` + secret + `", uri="sip:example.com"`,
		`authorization : DIGEST RESPONSE = "` + secret + `",nc=00000001`,
		"Proxy-Authorization: Digest username=\"response\",\r\n response=" + secret + ", cnonce=\"x\"",
		`Authentication-Info: rspauth="` + secret + `", nextnonce="n"`,
	} {
		r := NewRing(0)
		text := "REGISTER sip:example.com SIP/2.0\r\nX: response=\"shown\"\r\n" + line + "\r\nCall-ID: 1\r\n\r\nAuthorization: response=body"
		r.Add(time.Now(), false, "udp a b", []byte(text))
		got := string(r.Entries(0, Filter{})[0].Bytes)
		if want := strings.Replace(text, secret, strings.Repeat("*", len(secret)), 1); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("A b SIP/2.0\r\nAuthorization: response=\"x\"\r\n\r\nbody")
	f.Add("\n\nAuthorization: response")
	f.Fuzz(func(t *testing.T, s string) {
		if got := mask([]byte(s)); len(got) != len(s) {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestSince(t *testing.T) {
	r := NewRing(0)
	for ms := range 10 {
		r.Add(time.UnixMilli(int64(ms)), false, "udp a b", []byte("x"))
	}
	if got := r.Entries(0, Filter{Since: time.UnixMilli(7)}); len(got) != 3 || !got[0].Time.Equal(time.UnixMilli(7)) {
		t.Errorf("%v", got)
	}
}
