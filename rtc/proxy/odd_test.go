package proxy

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// A phone drops the lower Vias: its response cannot be relayed.
func TestAnswerWithoutVia(t *testing.T) {
	f := fork(t, nil, 1000)
	f.call()
	u := f.phones[0]
	m := u.want("INVITE")
	lost := func(code int) {
		resp := string(sip.AppendResponse(nil, m, sip.Response{Code: code, ToTag: "x"}))
		at := strings.Index(resp, f.invite[strings.Index(f.invite, "Via:"):strings.Index(f.invite, "\r\nMax-Forwards")])
		if at < 0 {
			t.Fatalf("no lower Via in\n%s", resp)
		}
		end := at + strings.Index(resp[at:], "\r\n") + 2
		u.write([]byte(resp[:at] + resp[end:]))
	}
	lost(180)
	f.alice.quiet(shortly)
	lost(486)
	f.refused(502)
}

// Responses that match nothing are dropped (RFC 6026).
func TestStray(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	bob.send(fmt.Sprintf("SIP/2.0 200 OK\nVia: SIP/2.0/UDP %s;branch=z9hG4bKold\nVia: SIP/2.0/UDP %s;branch=z9hG4bKa\n"+
		"From: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: stray\nCSeq: 1 INVITE\nContent-Length: 0\n\n", r.udp, alice.addr))
	alice.quiet(shortly)
	if r.p.Stats().Strays != 1 {
		t.Errorf("strays counted: %d", r.p.Stats().Strays)
	}
}

// A redirection to several users of ours is followed in the order of their q; other
// contacts are left to the caller.
func TestRedirectionByQ(t *testing.T) {
	f := fork(t, func(c *Config) { c.Recursion = RecurseDomains }, 1000)
	carol, dave := f.udpUA("carol"), f.udpUA("dave")
	f.book.user("carol", f.binding(carol, ""))
	f.book.user("dave", f.binding(dave, ""))
	f.call()
	f.phones[0].refuse(f.phones[0].want("INVITE"), 302,
		"Contact: <sip:carol@example.com>;q=0.5, <sip:x@far.example>;q=0.1\nContact: <sip:dave@example.com>;q=0.9\n")
	m := dave.want("INVITE")
	carol.quiet(shortly)
	dave.refuse(m, 486, "")
	carol.refuse(carol.want("INVITE"), 480, "")
	if m := f.refused(302); len(routeValues(m, sip.HdrContact)) != 3 {
		t.Errorf("got\n%s", m.Bytes())
	}
}

// A request of a dialog that has lost our mark is challenged, if there is a gate that
// can do so.
func TestDemand(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Demand = func(*rtc.Request) *rtc.Status { return &rtc.Status{Code: 407} }
	})
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	own := fmt.Sprintf("<sip:%s;lr>", r.udp)
	target := strings.Trim(bob.contact(), "<>")
	alice.ask(req{method: "BYE", uri: target, toTag: "bob", route: []string{own}})
	alice.want(407)
	alice.ask(req{method: "MESSAGE", uri: target, route: []string{own}})
	alice.want(403)
	alice.ask(req{method: "BYE", uri: target, toTag: "bob", is: "alice", route: []string{own, own}}) // twice ours
	if m := bob.want("BYE"); m.Has(sip.HdrRoute) || len(routeValues(m, sip.HdrVia)) != 2 {
		t.Errorf("got\n%s", m.Bytes())
	}
}

// Route and Request-URI that cannot be read.
func TestBadRoutes(t *testing.T) {
	r := newRig(t, nil)
	alice := r.udpUA("alice")
	own := fmt.Sprintf("<sip:%s;lr>", r.udp)
	for _, c := range []struct {
		uri   string
		route []string
		code  int
	}{
		{"sip:" + r.udp.String() + ";lr=on", []string{"<urn:service:sos>"}, 416},
		{"sip:x@far.example", []string{own, "<sip:unreachable.example;lr>"}, 500},
		{"sip:x@far.example", []string{own, "<tel:+1>"}, 500},
	} {
		alice.ask(req{method: "INFO", uri: c.uri, is: "alice", toTag: "b", route: c.route})
		alice.want(c.code)
	}
}
