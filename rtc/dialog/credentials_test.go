package dialog

import (
	"fmt"
	"strings"
	"testing"

	icholy "github.com/icholy/digest"

	"tandem/rtc/digest"
	"tandem/rtc/sip"
)

// registrar of a raw peer that checks credentials with an independent
// implementation.
type challenger struct {
	t     *testing.T
	realm string
	nonce int
}

// challenge is the header line of a 407.
func (c *challenger) challenge(more string) Content {
	c.nonce++
	return Content{Header: fmt.Appendf(nil, "Proxy-Authenticate: Digest realm=%q, nonce=\"n%d\", algorithm=SHA-256, qop=\"auth\"%s\r\n", c.realm, c.nonce, more)}
}

// check says what is wrong with the credentials of a request.
func (c *challenger) check(m *sip.Message, count int) string {
	v := string(m.Get(sip.HdrProxyAuthorization))
	if v == "" {
		return "no credentials"
	}
	cr, err := icholy.ParseCredentials(v)
	if err != nil {
		return err.Error()
	}
	want, err := icholy.Digest(&icholy.Challenge{Realm: c.realm, Nonce: fmt.Sprint("n", c.nonce), Algorithm: "SHA-256", QOP: []string{"auth"}},
		icholy.Options{Method: string(m.MethodName()), URI: string(m.RequestURI()), Username: "trunk", Password: "secret", Cnonce: cr.Cnonce, Count: count})
	if err != nil {
		return err.Error()
	}
	if cr.Response != want.Response || cr.URI != string(m.RequestURI()) {
		return fmt.Sprintf("%s\nshould be the response %s", v, want.Response)
	}
	return ""
}

func (c *challenger) want(m *sip.Message, count int, seq uint32) {
	c.t.Helper()
	if fault := c.check(m, count); fault != "" {
		c.t.Errorf("%s: %s", word(m.Bytes()), fault)
	}
	if n, _ := m.CSeq(); n != seq {
		c.t.Errorf("%s has CSeq %d, want %d", word(m.Bytes()), n, seq)
	}
}

func (n *node) callWith(to *node, login digest.Login) {
	n.w.t.Helper()
	call, err := n.ua.Invite(Invite{Way: Way{URI: to.uri()}, From: "<sip:alice@example.com>", Content: sdp("offer"), Auth: digest.One(login), Events: n.sink()})
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.call = call
	n.w.settle()
}

// A trunk that asks for credentials: in the INVITE, the ACK, and in the dialog,
// where the nonce grows too old.
func TestCredentialsOfACall(t *testing.T) {
	bubble(t, func(w *world) {
		alice, gw := w.agent("alice", 1, Config{}), w.raw("gw", 9)
		c := &challenger{t: t, realm: "pstn.example"}
		alice.callWith(gw, digest.Login{User: "trunk", Password: "secret"})
		inv := gw.one("INVITE")
		gw.reply(alice, inv, 407, "x", c.challenge(""))
		list := gw.received()
		if len(list) != 2 || word(list[0].Bytes()) != "ACK" {
			t.Fatalf("%d messages after the challenge", len(list))
		}
		again := list[1]
		c.want(again, 1, 2)
		if branch(again) == branch(inv) || string(again.CallID()) != string(inv.CallID()) || string(again.FromTag()) != string(inv.FromTag()) || len(again.ToTag()) > 0 {
			t.Errorf("second INVITE:\n%s", again.Bytes())
		}
		gw.reply(alice, again, 200, "y", Content{Header: contactOf("10.0.0.9"), Type: "application/sdp", Body: []byte("answer")})
		ack := gw.one("ACK")
		if string(ack.Get(sip.HdrProxyAuthorization)) != string(again.Get(sip.HdrProxyAuthorization)) { // RFC 3261 §13.2.2.4
			t.Errorf("ACK without the INVITE's credentials:\n%s", ack.Bytes())
		}
		if n, _ := ack.CSeq(); n != 2 {
			t.Errorf("ACK has CSeq %d, want 2", n)
		}
		alice.wantEvents("answered answer")

		// a re-INVITE carries credentials from the start; its nonce is stale
		var codes []int
		alice.do(func(s *Session) {
			alice.must(s.Reinvite(sdp("again"), func(m *sip.Message, _ error) { codes = append(codes, m.StatusCode()) }))
		})
		w.settle()
		re := gw.one("INVITE")
		c.want(re, 2, 3)
		gw.reply(alice, re, 407, "", c.challenge(", stale=true"))
		re = gw.one("INVITE")
		c.want(re, 1, 4)
		gw.reply(alice, re, 200, "", Content{Header: contactOf("10.0.0.9"), Type: "application/sdp", Body: []byte("answer")})
		if n, _ := gw.one("ACK").CSeq(); n != 4 {
			t.Errorf("ACK of the re-INVITE has CSeq %d, want 4", n)
		}
		alice.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		bye := gw.one("BYE")
		c.want(bye, 2, 5)
		gw.reply(alice, bye, 407, "", c.challenge("")) // has forgotten its nonce
		bye = gw.one("BYE")
		c.want(bye, 1, 6)
		gw.reply(alice, bye, 200, "", Content{})
		if fmt.Sprint(codes) != "[200]" {
			t.Errorf("re-INVITE was answered %v", codes)
		}
		alice.wantEvents("ended bye remote=false")
	})
}

// Credentials that are refused are not offered for ever, and a challenge that
// nobody can answer is an answer.
func TestRefusedCredentials(t *testing.T) {
	bubble(t, func(w *world) {
		alice, gw := w.agent("alice", 1, Config{}), w.raw("gw", 9)
		c := &challenger{t: t, realm: "pstn.example"}
		alice.callWith(gw, digest.Login{User: "trunk", Password: "wrong"})
		gw.reply(alice, gw.one("INVITE"), 407, "x", c.challenge(""))
		second := gw.one("INVITE")
		if fault := c.check(second, 1); !strings.Contains(fault, "should be") {
			t.Errorf("credentials: %s", fault)
		}
		gw.reply(alice, second, 407, "x", c.challenge(""))
		gw.one("ACK")
		alice.wantEvents("failed 407")
		// always stale: bounded
		alice.callWith(gw, digest.Login{User: "trunk", Password: "secret"})
		sent := 0
		for range 20 {
			list := gw.received()
			if len(list) == 0 || word(list[len(list)-1].Bytes()) != "INVITE" {
				break
			}
			sent++
			gw.reply(alice, list[len(list)-1], 407, "x", c.challenge(", stale=true"))
		}
		if sent != 6 {
			t.Errorf("%d INVITEs", sent)
		}
		alice.wantEvents("failed 407")
		// nobody to answer
		alice.dial(gw, sdp("offer"))
		gw.reply(alice, gw.one("INVITE"), 407, "x", c.challenge(""))
		alice.wantEvents("failed 407")
	})
}

// A call that came in: what we say in it may be challenged.
func TestCredentialsInCalledDialog(t *testing.T) {
	bubble(t, func(w *world) {
		bob, gw := w.agent("bob", 2, Config{}), w.raw("gw", 9)
		c := &challenger{t: t, realm: "pstn.example"}
		bob.how.Auth = digest.One(digest.Login{User: "trunk", Password: "secret"})
		answeredRaw(w, bob, gw)
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		bye := gw.one("BYE")
		n, _ := bye.CSeq()
		gw.reply(bob, bye, 407, "", c.challenge(""))
		c.want(gw.one("BYE"), 1, n+1)
	})
}
