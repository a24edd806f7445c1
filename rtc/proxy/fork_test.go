package proxy

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// forked is a call to bob that rings at several phones.
type forked struct {
	*rig
	alice  *ua
	phones []*ua
	invite string
}

func fork(t *testing.T, adjust func(*Config), qs ...uint16) *forked {
	r := newRig(t, adjust)
	f := &forked{rig: r, alice: r.udpUA("alice")}
	var list []location.Binding
	for i, q := range qs {
		u := r.udpUA(fmt.Sprintf("bob%d", i))
		b := r.binding(u, "")
		b.Q = q
		f.phones, list = append(f.phones, u), append(list, b)
	}
	r.book.user("bob", list...)
	return f
}

func (f *forked) call() {
	f.invite = f.alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice"})
}

// refused waits for the final answer and acknowledges it.
func (f *forked) refused(code int) *sip.Message {
	f.t.Helper()
	m := f.alice.want(code)
	f.alice.ackFor(f.invite, m)
	return m
}

// refuse answers an INVITE and takes the ACK.
func (u *ua) refuse(m *sip.Message, code int, lines string) {
	u.r.t.Helper()
	u.reply(m, code, lines)
	u.want("ACK")
}

func TestForkWinner(t *testing.T) {
	f := fork(t, nil, 1000, 1000, 1000)
	f.call()
	var inv []*sip.Message
	for _, u := range f.phones {
		m := u.want("INVITE")
		if string(m.RequestURI()) != strings.Trim(u.contact(), "<>") {
			t.Errorf("Request-URI %s", m.RequestURI())
		}
		inv = append(inv, m)
		u.reply(m, 180, "")
		f.alice.want(180)
	}
	f.phones[0].refuse(inv[0], 486, "")
	f.phones[1].accept(inv[1])
	f.alice.want(200)
	c := f.phones[2].want("CANCEL")
	if string(c.Get(sip.HdrReason)) != `SIP;cause=200;text="Call completed elsewhere"` {
		t.Errorf("Reason %q", c.Get(sip.HdrReason))
	}
	f.phones[2].reply(c, 200, "")
	// it crosses: two phones are connected, the caller hears of both
	f.phones[2].accept(inv[2])
	if m := f.alice.want(200); string(m.ToTag()) != "bob2" {
		t.Errorf("second 200 has tag %s", m.ToTag())
	}
	f.phones[0].quiet(shortly)
	// its ACK was lost: the phone repeats its 200 when the proxy has long ended
	f.alice.seen = map[string]bool{}
	f.phones[1].accept(inv[1])
	if m := f.alice.want(200); string(m.ToTag()) != "bob1" {
		t.Errorf("repeated 200 has tag %s", m.ToTag())
	}
}

func TestForkAllRefuse(t *testing.T) {
	f := fork(t, nil, 1000, 1000, 1000)
	f.call()
	codes := []int{404, 486, 480}
	for i, u := range f.phones {
		u.refuse(u.want("INVITE"), codes[i], fmt.Sprintf("X-From: %d\n", i))
	}
	if m := f.refused(486); string(m.GetName("X-From")) != "1" || len(routeValues(m, sip.HdrVia)) != 1 {
		t.Errorf("got\n%s", m.Bytes())
	}
}

// A 6xx ends the rest, but is sent up only when they have ended.
func TestForkGlobalFailure(t *testing.T) {
	f := fork(t, nil, 1000, 1000, 500)
	f.call()
	a, b := f.phones[0].want("INVITE"), f.phones[1].want("INVITE")
	f.phones[1].reply(b, 180, "")
	f.alice.want(180)
	f.phones[0].refuse(a, 603, "")
	c := f.phones[1].want("CANCEL")
	if c.Has(sip.HdrReason) {
		t.Errorf("Reason %q", c.Get(sip.HdrReason))
	}
	f.alice.quiet(shortly)
	f.phones[1].reply(c, 200, "")
	f.phones[1].refuse(b, 487, "")
	f.refused(603)
	f.phones[2].quiet(shortly) // nothing new begins
}

func TestSerialByQ(t *testing.T) {
	f := fork(t, nil, 900, 500, 500, 100)
	f.call()
	p := f.phones
	m := p[0].want("INVITE")
	p[1].quiet(shortly)
	p[0].refuse(m, 486, "")
	m1, m2 := p[1].want("INVITE"), p[2].want("INVITE")
	if len(routeValues(m1, sip.HdrVia)) != 2 {
		t.Errorf("later copies are made of the request as it came:\n%s", m1.Bytes())
	}
	p[1].refuse(m1, 480, "")
	p[3].quiet(shortly)
	p[2].refuse(m2, 408, "")
	p[3].accept(p[3].want("INVITE"))
	f.alice.want(200)
}

// Challenges of several phones go up together (RFC 3261 §16.7 step 7).
func TestForkChallenges(t *testing.T) {
	f := fork(t, nil, 1000, 1000, 1000)
	f.call()
	p := f.phones
	a, b, c := p[0].want("INVITE"), p[1].want("INVITE"), p[2].want("INVITE")
	p[0].refuse(a, 401, "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\n")
	p[1].refuse(b, 486, "")
	p[2].refuse(c, 407, "Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\"\nProxy-Authenticate: Digest realm=\"c\", nonce=\"3\"\n")
	m := f.refused(401)
	if m.Count(sip.HdrWWWAuthenticate) != 1 || m.Count(sip.HdrProxyAuthenticate) != 2 {
		t.Errorf("challenges:\n%s", m.Bytes())
	}
}

// The caller hangs up while it rings.
func TestCancelRinging(t *testing.T) {
	f := fork(t, nil, 1000, 1000, 500)
	f.call()
	p := f.phones
	a, b := p[0].want("INVITE"), p[1].want("INVITE")
	p[0].reply(a, 180, "")
	f.alice.want(180)
	f.alice.send(cancelOf(f.invite, `Reason: Q.850;cause=16`))
	f.alice.want(200)
	c := p[0].want("CANCEL")
	if string(c.Get(sip.HdrReason)) != "Q.850;cause=16" {
		t.Errorf("Reason %q", c.Get(sip.HdrReason))
	}
	p[0].reply(c, 200, "")
	p[0].refuse(a, 487, "")
	p[1].quiet(shortly) // no CANCEL before a provisional response
	p[1].reply(b, 180, "")
	p[1].reply(p[1].want("CANCEL"), 200, "")
	f.alice.want(180)
	p[1].refuse(b, 487, "")
	f.refused(487)
	p[2].quiet(shortly)
	if f.p.Stats().Cancelled != 1 {
		t.Error("not counted")
	}
}

// CANCEL and 200 cross: the call stands.
func TestCancelCrosses200(t *testing.T) {
	f := fork(t, nil, 1000)
	f.call()
	m := f.phones[0].want("INVITE")
	f.phones[0].reply(m, 180, "")
	f.alice.want(180)
	f.alice.send(cancelOf(f.invite, ""))
	f.phones[0].accept(m)
	var codes []string
	for range 2 {
		r, err := f.alice.next(3 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, string(r.CSeqMethod()), fmt.Sprint(r.StatusCode()))
	}
	if s := strings.Join(codes, " "); s != "CANCEL 200 INVITE 200" {
		t.Errorf("got %s", s)
	}
}

// CANCEL while the name of the next hop is looked up: nothing is sent.
func TestCancelDuringLookup(t *testing.T) {
	r := newRig(t, nil)
	alice, far := r.udpUA("alice"), r.udpUA("far")
	block := r.dns.hold()
	r.dns.host("far.example", at(transport.UDP, far.addr))
	invite := alice.ask(req{method: "INVITE", uri: "sip:x@far.example", is: "alice"})
	alice.want(100)
	alice.send(cancelOf(invite, ""))
	alice.want(200)
	alice.ackFor(invite, alice.want(487))
	close(block)
	far.quiet(shortly)
}

// A name is looked up, the request waits; so does the ACK.
func TestLookup(t *testing.T) {
	r := newRig(t, nil)
	alice, far := r.udpUA("alice"), r.udpUA("far")
	r.dns.host("far.example", at(transport.UDP, far.addr))
	alice.ask(req{method: "INVITE", uri: "sip:x@far.example", is: "alice", id: "far", body: "v=0\r\n"})
	m := far.want("INVITE")
	if string(m.RequestURI()) != "sip:x@far.example" || string(m.Body()) != "v=0\r\n" {
		t.Errorf("got\n%s", m.Bytes())
	}
	far.reply(m, 200, "Contact: <sip:x@far.example>\n")
	alice.want(200)
	alice.ask(req{method: "ACK", uri: "sip:x@far.example", id: "far", toTag: "far", cseq: 1, route: routeValues(m, sip.HdrRecordRoute)})
	far.want("ACK")
}

// It rings for ever (RFC 3261 §16.8).
func TestTimerC(t *testing.T) {
	f := fork(t, func(c *Config) { c.TimerC = 400 * time.Millisecond }, 1000)
	f.call()
	u := f.phones[0]
	m := u.want("INVITE")
	for range 3 { // each sets it back
		time.Sleep(200 * time.Millisecond)
		u.reply(m, 180, "")
	}
	f.alice.want(180)
	u.reply(u.want("CANCEL"), 200, "")
	u.refuse(m, 487, "")
	f.refused(408)
}

// Nobody answers: 408 for INVITE, nothing for others (RFC 4320).
func TestTimeout(t *testing.T) {
	f := fork(t, nil, 1000)
	f.call()
	f.phones[0].want("INVITE")
	f.refused(408)
	f.alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	f.phones[0].want("MESSAGE")
	f.alice.quiet(4 * time.Second)
	f.alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	f.phones[0].reply(f.phones[0].want("MESSAGE"), 408, "")
	f.alice.quiet(shortly)
}

func TestMessageFork(t *testing.T) {
	f := fork(t, nil, 1000, 1000, 1000)
	f.alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	p := f.phones
	a, b, c := p[0].want("MESSAGE"), p[1].want("MESSAGE"), p[2].want("MESSAGE")
	for _, m := range []*sip.Message{a, b, c} {
		if string(m.GetName("Max-Breadth")) != "20" { // 60 shared by three
			t.Errorf("Max-Breadth %q", m.GetName("Max-Breadth"))
		}
	}
	p[0].reply(a, 486, "")
	p[1].reply(b, 200, "X-From: 1\n")
	if m := f.alice.want(200); string(m.GetName("X-From")) != "1" {
		t.Errorf("got\n%s", m.Bytes())
	}
	p[2].reply(c, 200, "")
	f.alice.quiet(shortly)
	// 6xx to a MESSAGE is final at once: nothing can be cancelled
	f.alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	p[0].reply(p[0].want("MESSAGE"), 603, "")
	f.alice.want(603)
}

func TestMaxBreadthSerialises(t *testing.T) {
	f := fork(t, nil, 1000, 1000)
	f.alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", extra: "Max-Breadth: 1\n"})
	m := f.phones[0].want("MESSAGE")
	if string(m.GetName("Max-Breadth")) != "1" {
		t.Errorf("Max-Breadth %q", m.GetName("Max-Breadth"))
	}
	f.phones[1].quiet(shortly)
	f.phones[0].reply(m, 486, "")
	f.phones[1].reply(f.phones[1].want("MESSAGE"), 200, "")
	f.alice.want(200)
}

func TestMaxForks(t *testing.T) {
	f := fork(t, func(c *Config) { c.MaxForks = 2 }, 1000, 1000, 1000)
	f.call()
	f.phones[0].want("INVITE")
	f.phones[1].want("INVITE")
	f.phones[2].quiet(shortly)
}

// 503 and a dead port: the next place is tried, the resolver hears of it.
func TestFailover(t *testing.T) {
	r := newRig(t, nil)
	alice, one, two := r.udpUA("alice"), r.udpUA("one"), r.udpUA("two")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := closed.Addr().(*net.TCPAddr).AddrPort()
	_ = closed.Close()
	r.dns.host("gw.example", at(transport.TCP, dead), at(transport.UDP, one.addr), at(transport.UDP, two.addr))
	alice.ask(req{method: "INVITE", uri: "sip:x@gw.example", is: "alice"})
	m := one.want("INVITE")
	one.refuse(m, 503, "Retry-After: 7\n")
	m2 := two.want("INVITE")
	v1, _ := m.TopVia()
	if v2, _ := m2.TopVia(); string(v1.Branch) == string(v2.Branch) {
		t.Error("the second attempt has the first one's branch")
	}
	two.accept(m2)
	alice.want(200)
	if got, want := r.dns.failures(), fmt.Sprintf("TCP %s 0s, UDP %s 7s", dead, one.addr); got != want {
		t.Errorf("resolver was told %q, want %q", got, want)
	}
	// when none is left 503 is not passed on (RFC 3261 §16.7 step 6)
	r.dns.host("gw.example", at(transport.UDP, one.addr))
	invite := alice.ask(req{method: "INVITE", uri: "sip:x@gw.example", is: "alice"})
	one.refuse(one.want("INVITE"), 503, "")
	alice.ackFor(invite, alice.want(500))
}

// A number nobody has goes to the gateway, and to the second when the first fails.
func TestStaticRoute(t *testing.T) {
	r := newRig(t, nil)
	alice, one, two := r.udpUA("alice"), r.udpUA("one"), r.udpUA("two")
	r.p.SetRoutes(routes(t, Route{Name: "pstn", Match: Match{Prefix: "00"}, Strip: 2, Add: "+",
		NextHop: Hops{"sip:" + one.addr.String(), "sip:" + two.addr.String()}}))
	alice.ask(req{method: "INVITE", uri: "sip:004930123@example.com;user=phone", is: "alice"})
	m := one.want("INVITE")
	if want := "sip:+4930123@" + one.addr.String() + ";user=phone"; string(m.RequestURI()) != want {
		t.Errorf("Request-URI %s, want %s", m.RequestURI(), want)
	}
	two.quiet(shortly)
	one.refuse(m, 503, "")
	m = two.want("INVITE")
	if want := "sip:+4930123@" + two.addr.String() + ";user=phone"; string(m.RequestURI()) != want {
		t.Errorf("Request-URI %s, want %s", m.RequestURI(), want)
	}
	two.refuse(m, 486, "")
	alice.want(486)
	alice.ask(req{method: "INVITE", uri: "sip:004930123@example.com"}) // not for everybody
	alice.want(403)
	alice.ask(req{method: "INVITE", uri: "sip:1234@example.com", is: "alice"})
	alice.want(404)
}

// The phone's connection has gone.
func TestDeadFlow(t *testing.T) {
	r := newRig(t, nil)
	alice, desk := r.udpUA("alice"), r.udpUA("desk")
	bob, hangUp := r.tcpUA("bob")
	b := r.binding(bob, "sip:bob@10.1.1.1;transport=tcp;ob")
	b.RegID, b.Instance = 1, "<urn:uuid:1>"
	r.book.user("bob", b)
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "dead"})
	m := bob.want("INVITE")
	rr := routeValues(m, sip.HdrRecordRoute)
	bob.reply(m, 200, "Contact: <sip:bob@10.1.1.1;transport=tcp;ob>\n")
	alice.want(200)
	hangUp()
	for end := time.Now().Add(3 * time.Second); b.Flow.Alive() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	alice.ask(req{method: "BYE", uri: "sip:bob@10.1.1.1;transport=tcp;ob", id: "dead", toTag: "bob", route: reversed(rr)})
	alice.want(430)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	alice.want(480)
	// another flow of the same instance is used instead, one at a time
	other := r.binding(desk, "sip:bob@10.1.1.1;ob")
	other.RegID, other.Instance = 2, b.Instance
	third := other
	third.RegID = 3
	r.book.user("bob", b, other, third)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	m = desk.want("MESSAGE")
	desk.quiet(shortly)
	desk.reply(m, 430, "")
	m = desk.want("MESSAGE") // by the third
	desk.reply(m, 200, "")
	alice.want(200)
}

// Redirection: passed on, or followed inside our domain.
func TestRedirection(t *testing.T) {
	for _, follow := range []bool{false, true} {
		t.Run(fmt.Sprintf("follow=%v", follow), func(t *testing.T) {
			f := fork(t, func(c *Config) {
				if follow {
					c.Recursion = RecurseDomains
				}
			}, 1000)
			carol := f.udpUA("carol")
			f.book.user("carol", f.binding(carol, ""))
			f.call()
			f.phones[0].refuse(f.phones[0].want("INVITE"), 302, "Contact: <sip:carol@example.com>\n")
			if !follow {
				if m := f.refused(302); string(m.Get(sip.HdrContact)) != "<sip:carol@example.com>" {
					t.Errorf("Contact %q", m.Get(sip.HdrContact))
				}
				return
			}
			m := carol.want("INVITE")
			carol.refuse(m, 302, "Contact: <sip:bob@example.com>\n") // round in a circle
			m = f.alice.want(302)
			f.alice.ackFor(f.invite, m)
		})
	}
}

// A phone of a private net that listens elsewhere than it sends from.
func TestContactPort(t *testing.T) {
	r := newRig(t, nil)
	alice, bob, ear := r.udpUA("alice"), r.udpUA("bob"), r.udpUA("ear")
	r.book.user("bob", r.binding(bob, "sip:bob@"+ear.addr.String()))
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	ear.reply(ear.want("MESSAGE"), 200, "")
	alice.want(200)
}

// A large request goes by TCP where UDP was meant, and by UDP when TCP is refused
// there (RFC 3261 §18.1.1). A phone's own flow is kept.
func TestLargeRequest(t *testing.T) {
	r := newRig(t, nil)
	alice, bob, far := r.udpUA("alice"), r.udpUA("bob"), r.udpUA("far")
	r.book.user("bob", r.binding(bob, ""))
	body := strings.Repeat("x", 2000)
	alice.ask(req{method: "MESSAGE", uri: "sip:x@" + far.addr.String(), is: "alice", body: body})
	m := far.want("MESSAGE")
	if via, _ := m.TopVia(); string(via.Transport) != "UDP" || string(m.Body()) != body {
		t.Errorf("got\n%s", m.Bytes())
	}
	if want := fmt.Sprintf("TCP %s 0s", far.addr); r.dns.failures() != want {
		t.Errorf("failures %q, want %q", r.dns.failures(), want)
	}
	far.reply(m, 200, "")
	alice.want(200)
	ln, err := net.Listen("tcp", far.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	in := make(chan string, 10)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		readFrames(c, in)
	}()
	alice.ask(req{method: "MESSAGE", uri: "sip:x@" + far.addr.String(), is: "alice", body: body})
	select {
	case s := <-in:
		if !strings.Contains(s, "Via: SIP/2.0/TCP "+r.tcp.String()) {
			t.Errorf("got\n%s", s)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing came by TCP")
	}
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", body: body})
	bob.want("MESSAGE")
}

// After a restart the flow of a UDP binding is made again from its address.
func TestRestoredBinding(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	b := r.binding(bob, "sip:bob@10.1.1.1")
	b.Flow = transport.Flow{}
	r.book.user("bob", b)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	bob.reply(bob.want("MESSAGE"), 200, "")
	alice.want(200)
}
