package trace

import (
	"os"
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

// Of a request for a service as RFC 2848 §4.11 prints it, what only the telephone
// network is to understand is not shown; nor among several sources, nor in a multipart
// body.
func TestOpaqueSourcesAreMasked(t *testing.T) {
	b, err := os.ReadFile("../../pint/testdata/rfc2848-4.11.txt")
	if err != nil {
		t.Fatal(err)
	}
	printed := strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
	const source = "opr:mci.com/md5:<crypto signature>"
	for _, c := range [][2]string{
		{source, "opr:******************* **********"},
		{"opr:PIN=1234;x:9 uri:http://example.com/x spr:1@x", "opr:************ uri:http://example.com/x spr:1@x"},
		{"spr:2@x OPR:1234\t5678", "spr:2@x OPR:****\t****"},
		{"opr: uri:http://example.com/opr:x", "opr: uri:http://example.com/opr:x"},
	} {
		for _, part := range []string{"v=0", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0"} {
			whole := func(by string) string {
				return strings.Replace(strings.Replace(printed, source, by, 1), "v=0", part, 1) + "\r\nopr:shown"
			}
			r := NewRing(0)
			r.Add(time.Now(), false, "udp a b", []byte(whole(c[0])))
			if got, want := string(r.Entries(0, Filter{})[0].Bytes), whole(c[1]); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
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
