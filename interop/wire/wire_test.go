package wire

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var here = netip.MustParseAddr("127.0.0.1")

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func any(*Message) bool { return true }

const invite = "INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;x=\"a,b;c\";branch=z9hG4bK1, SIP/2.0/UDP h2\r\nf: \"<A, B>\" <sip:x@y;p=1>;tag=77\r\nSubject: one\r\n\ttwo\r\nCSeq:101\tINVITE\r\nl: 2\r\n\r\nhi"

func TestParse(t *testing.T) {
	m, err := Parse([]byte(invite))
	if err != nil {
		t.Fatal(err)
	}
	tag, _ := Param(m.Get("From"), "tag")
	branch, _ := Param(m.Values("Via")[0], "branch")
	if v, ok := Param(`<sip:a@b>;+sip.instance="<urn:x;expires=1>";expires=30`, "expires"); !ok || v != "30" {
		t.Errorf("expires %q %v", v, ok)
	}
	got := []string{m.Method(), m.RequestURI(), URI(m.Get("From")), tag, branch, m.Values("Via")[1], m.Get("subject"), string(m.Body)}
	want := []string{"INVITE", "sip:a@b", "sip:x@y;p=1", "77", "z9hG4bK1", "SIP/2.0/UDP h2", "one two", "hi"}
	if !slices.Equal(got, want) || m.CSeq() != 101 {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	r, err := Parse([]byte("SIP/2.0 407 No\r\nCSeq: 3 BYE\r\n\r\n"))
	if err != nil || r.Status() != 407 || r.Method() != "BYE" || r.IsRequest() {
		t.Errorf("%+v %v", r, err)
	}
	for _, bad := range []string{"", "INVITE\r\n\r\n", "INVITE sip:a SIP/2.0\r\nVia\r\n\r\n", "INVITE sip:a SIP/2.0\r\nl: 3\r\n\r\nhi", "INVITE sip:a SIP/2.0\r\nTo: x\r\n", "INVITE sip:a SIP/2.0\r\n x\r\n\r\n"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The examples of RFC 2617 §3.5 and RFC 7616 §3.9.1.
func TestResponse(t *testing.T) {
	c := Challenge{Realm: "testrealm@host.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
	p := Proof{User: "Mufasa", Password: "Circle Of Life", Method: "GET", URI: "/dir/index.html", QOP: "auth", NC: "00000001", CNonce: "0a4f113b"}
	if got := c.Response(p); got != "6629fae49393a05397450978507c4ef1" {
		t.Errorf("MD5: %s", got)
	}
	c = Challenge{Realm: "http-auth@example.org", Nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", Algorithm: "SHA-256"}
	p.Password, p.CNonce = "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	if got := c.Response(p); got != "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" {
		t.Errorf("SHA-256: %s", got)
	}
}

func TestChallenge(t *testing.T) {
	m, err := Parse([]byte("SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm=\"a, b\", nonce=\"n\",algorithm=SHA-256,qop=\"auth,auth-int\"\r\nWWW-Authenticate: DIGEST realm=\"a\",nonce=\"m\"\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := m.Challenge("SHA-256"); err != nil || c.Realm != "a, b" || c.QOP != "auth,auth-int" {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := m.Challenge(""); err != nil || c.Nonce != "m" {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := m.Challenge("SHA-512-256"); err == nil {
		t.Error("found a challenge that is not there")
	}
}

func TestEndpointOverUDPAndTCP(t *testing.T) {
	server, err := Listen(netip.AddrPortFrom(here, 0), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, proto := range []string{"UDP", "TCP"} {
		phone, err := Open(within(t), proto, here, server.Local, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer phone.Close()
		text := []byte(invite + map[string]string{"TCP": "\r\n\r\n" + invite[:30]}[proto]) // the rest comes later
		if err := phone.Send(text); err != nil {
			t.Fatal(err)
		}
		m, err := server.Next(within(t), any)
		if err != nil || string(m.Raw) != invite {
			t.Fatalf("%s: got %q, %v", proto, m.Raw, err)
		}
		const answer = "SIP/2.0 200 OK\r\nCSeq: 101 INVITE\r\n\r\n"
		if err := server.Reply(m, []byte(answer)); err != nil {
			t.Fatal(err)
		}
		if proto == "UDP" { // a repetition gets the same answer and is not told twice
			if err := phone.Send(text); err != nil {
				t.Fatal(err)
			}
			if _, err := phone.Next(within(t), any); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := phone.Next(within(t), any); err != nil || string(r.Raw) != answer {
			t.Errorf("%s: answer %v", proto, err)
		}
		server.Forget()
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := server.Next(short, any); !errors.Is(err, ErrQuiet) {
		t.Errorf("a repetition was told: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(invite))
	f.Add([]byte("SIP/2.0 200 OK\r\nCSeq: 1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		m.Method()
		m.CSeq()
		_, _ = m.Challenge("")
		for _, fd := range m.Fields {
			URI(fd.Value)
			Param(fd.Value, "tag")
			elements(fd.Value)
		}
	})
}
