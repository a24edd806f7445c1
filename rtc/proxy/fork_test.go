package proxy

import (
	"fmt"
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
	t.Helper()
	return newRig(t, adjust).fork(qs...)
}

func (r *rig) fork(qs ...uint16) *forked {
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

// A 6xx ends the other branches, but is relayed only when they have ended.
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

// The challenges of several phones are relayed together (RFC 3261 §16.7 step 7).
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
		r, err := f.alice.next(30 * time.Second)
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

// It rings forever (RFC 3261 §16.8).
func TestTimerC(t *testing.T) {
	f := fork(t, func(c *Config) { c.TimerC = 2500 * time.Millisecond }, 1000)
	f.call()
	u := f.phones[0]
	m := u.want("INVITE")
	for range 3 { // each sets it back
		time.Sleep(900 * time.Millisecond)
		u.reply(m, 180, "")
	}
	f.alice.want(180)
	u.reply(u.want("CANCEL"), 200, "")
	u.refuse(m, 487, "")
	f.refused(408)
}

// Nobody answers: 408 for INVITE, nothing for others (RFC 4320).
func TestTimeout(t *testing.T) {
	f := newRigAt(t, 50*time.Millisecond, nil).fork(1000) // given up after 3.2 s
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
