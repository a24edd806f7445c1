package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// party is one side of a call on raw sockets.
type party struct {
	*harness.Wire
	user string
}

func rigParty(r *harness.Rig, t *testing.T, user, listener string) *party {
	t.Helper()
	p := &party{r.Dial(t, listener), user}
	p.Register(user)
	return p
}

// established sets a call up from a to b and returns the 200 as the caller got
// it and the INVITE as the callee did.
func established(t *testing.T, a, b *party) (ok, inv *sip.Message) {
	t.Helper()
	id := a.Ask("INVITE", a.user, "sip:"+b.user+"@"+harness.Domain, "", "")
	inv = b.Request("INVITE")
	b.Reply(inv, 180, b.user, "Contact: "+b.Contact(b.user), "")
	a.Status(180, id)
	b.Reply(inv, 200, b.user, "Contact: "+b.Contact(b.user), "")
	ok = a.Final(id, "INVITE")
	if ok.StatusCode() != 200 {
		t.Fatalf("the call was answered\n%s", ok.Bytes())
	}
	a.Ack(ok, "")
	b.Request("ACK")
	return ok, inv
}

// inside is a request within the call from the caller; turned, from the callee.
func inside(method string, p *party, cseq int, ok, inv *sip.Message, lines, body string) string {
	to, route := ok, harness.RouteSet(ok)
	from, dest := ok.Get(sip.HdrFrom), ok.Get(sip.HdrTo)
	if inv != nil { // the callee's view
		to, from, dest, route = inv, ok.Get(sip.HdrTo), ok.Get(sip.HdrFrom), ""
		for v := range inv.Values(sip.HdrRecordRoute) {
			route += "Route: " + string(v) + "\n"
		}
	}
	a, _ := to.FirstAddr(sip.HdrContact)
	head := fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\n%sFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n%sContent-Length: %d\n\n",
		method, a.URI, p.Via(), route, from, dest, ok.CallID(), cseq, method, p.Contact(p.user), lines, len(body))
	return strings.ReplaceAll(head, "\n", "\r\n") + body
}

// Within a call everything passes both ways, over any pair of transports.
func TestRequestsWithinCall(t *testing.T) {
	for _, pair := range [][2]string{{"udp", "udp"}, {"udp", "tcp"}, {"tls", "udp"}, {"ws", "tls"}, {"tcp", "wss"}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			r := harness.StartServer(t, nil)
			r.User("a", "b")
			a, b := rigParty(r, t, "a", pair[0]), rigParty(r, t, "b", pair[1])
			ok, inv := established(t, a, b)
			seq := 100
			pass := func(method string, from, to *party, view *sip.Message, lines, body string) {
				t.Helper()
				seq++
				from.Send(inside(method, from, seq, ok, view, lines, body))
				m := to.Request(method)
				if string(m.Body()) != body || !bytes.Contains(m.Bytes(), []byte("\r\n"+strings.ReplaceAll(lines, "\n", "\r\n"))) {
					t.Errorf("%s arrived as\n%s", method, m.Bytes())
				}
				code := 200
				if method == "REFER" {
					code = 202
				}
				to.Reply(m, code, "", "Contact: "+to.Contact(to.user), "")
				answer, err := from.Next(harness.Patience, func(m *sip.Message) bool {
					n, _ := m.CSeq()
					return m.StatusCode() >= 200 && int(n) == seq
				})
				if err != nil || answer.StatusCode() != code {
					t.Fatalf("%s: %v %v", method, answer, err)
				}
				if method == "INVITE" {
					from.Send(inside("ACK", from, seq, ok, view, "", ""))
					to.Request("ACK")
				}
			}
			const offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n"
			pass("INVITE", a, b, nil, "Content-Type: application/sdp\n", offer)
			pass("INVITE", b, a, inv, "Content-Type: application/sdp\n", offer)
			pass("INFO", a, b, nil, "Content-Type: application/dtmf-relay\n", "Signal= 5\r\nDuration= 160\r\n")
			pass("UPDATE", b, a, inv, "", "")
			pass("REFER", a, b, nil, "Refer-To: <sip:c@example.test?Replaces=1%40b%3Bto-tag%3D2%3Bfrom-tag%3D3>\n", "")
			pass("NOTIFY", b, a, inv, "Event: refer\nSubscription-State: active;expires=60\nContent-Type: message/sipfrag\n", "SIP/2.0 100 Trying\r\n")
			pass("NOTIFY", b, a, inv, "Event: refer\nSubscription-State: terminated;reason=noresource\nContent-Type: message/sipfrag\n", "SIP/2.0 200 OK\r\n")
			pass("BYE", b, a, inv, "Reason: Q.850;cause=16\n", "")
		})
	}
}

// One call rings at three phones; the first to answer has it, the others are
// told, and the caller hears of one alone.
func TestForkToThree(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("a", "b")
	a := rigParty(r, t, "a", "udp")
	var phones []*party
	for _, proto := range []string{"udp", "tcp", "ws"} {
		phones = append(phones, rigParty(r, t, "b", proto))
	}
	id := a.Ask("INVITE", "a", "sip:b@"+harness.Domain, "", "")
	var invites []*sip.Message
	for i, p := range phones {
		inv := p.Request("INVITE")
		invites = append(invites, inv)
		p.Reply(inv, 180, fmt.Sprint("b", i), "Contact: "+p.Contact("b"), "")
	}
	phones[1].Reply(invites[1], 200, "b1", "Contact: "+phones[1].Contact("b"), "")
	ok := a.Final(id, "INVITE")
	if ok.StatusCode() != 200 || string(ok.ToTag()) != "b1" {
		t.Fatalf("\n%s", ok.Bytes())
	}
	a.Ack(ok, "")
	phones[1].Request("ACK")
	for _, i := range []int{0, 2} {
		cancel := phones[i].Request("CANCEL")
		phones[i].Reply(cancel, 200, "", "", "")
		phones[i].Reply(invites[i], 487, fmt.Sprint("b", i), "", "")
		phones[i].Request("ACK")
	}
	if m, err := a.Next(300*time.Millisecond, func(m *sip.Message) bool { return m.StatusCode() >= 300 }); err == nil {
		t.Errorf("the caller is told of another end:\n%s", m.Bytes())
	}
	a.Send(inside("BYE", a, 9, ok, nil, "", ""))
	phones[1].Reply(phones[1].Request("BYE"), 200, "", "", "")
}

// All three refuse: the caller gets the best answer.
func TestForkAllBusy(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("a", "b")
	a := rigParty(r, t, "a", "udp")
	var phones []*party
	for range 3 {
		phones = append(phones, rigParty(r, t, "b", "udp"))
	}
	id := a.Ask("INVITE", "a", "sip:b@"+harness.Domain, "", "")
	for i, p := range phones {
		p.Reply(p.Request("INVITE"), []int{480, 486, 503}[i], "b", "", "")
		p.Request("ACK")
	}
	m := a.Final(id, "INVITE")
	if c := m.StatusCode(); c != 486 && c != 480 {
		t.Errorf("of 480, 486 and 503 the caller gets %d", c)
	}
	a.Ack(m, "sip:b@"+harness.Domain)
}

// The caller gives up while it rings.
func TestCancelOnTheWire(t *testing.T) {
	for _, proto := range []string{"udp", "tcp", "ws"} {
		r := harness.StartServer(t, nil)
		r.User("a", "b")
		a, b := rigParty(r, t, "a", proto), rigParty(r, t, "b", proto)
		id := a.Ask("INVITE", "a", "sip:b@"+harness.Domain, "", "")
		inv := b.Request("INVITE")
		b.Reply(inv, 180, "b", "", "")
		ringing := a.Status(180, id)
		cseq, _ := ringing.CSeq()
		a.Send(fmt.Sprintf("CANCEL sip:b@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: <sip:b@%s>\nCall-ID: %s\nCSeq: %d CANCEL\nReason: SIP;cause=200;text=\"Call completed elsewhere\"\nContent-Length: 0\n",
			harness.Domain, ringing.Get(sip.HdrVia), ringing.Get(sip.HdrFrom), harness.Domain, id, cseq))
		if m := a.Final(id, "CANCEL"); m.StatusCode() != 200 {
			t.Errorf("%s: CANCEL: %d", proto, m.StatusCode())
		}
		cancel := b.Request("CANCEL")
		if !strings.Contains(string(cancel.Get(sip.HdrReason)), "completed elsewhere") {
			t.Errorf("%s: the reason is lost:\n%s", proto, cancel.Bytes())
		}
		b.Reply(cancel, 200, "", "", "")
		b.Reply(inv, 487, "b", "", "")
		b.Request("ACK")
		m := a.Final(id, "INVITE")
		if m.StatusCode() != 487 {
			t.Errorf("%s: INVITE: %d", proto, m.StatusCode())
		}
		a.Ack(m, "sip:b@"+harness.Domain)
	}
}

// Messages beyond a packet's size, over UDP, TCP, WS and from one to the other.
func TestLargeMessages(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("a", "b")
	for _, pair := range [][2]string{{"udp", "udp"}, {"tcp", "tcp"}, {"udp", "tcp"}, {"ws", "ws"}, {"tls", "ws"}, {"wss", "tcp"}} {
		a, b := rigParty(r, t, "a", pair[0]), rigParty(r, t, "b", pair[1])
		for _, n := range []int{1300, 1301, 5000, 20000, 60000} {
			body := strings.Repeat("0123456789", n/10)
			id := a.Ask("MESSAGE", "a", "sip:b@"+harness.Domain, "Content-Type: text/plain", body)
			m, err := b.Next(harness.Patience, func(m *sip.Message) bool { return m.IsRequest() && string(m.CallID()) == id })
			if err != nil {
				t.Fatalf("%v: %d octets: %v", pair, n, err)
			}
			if string(m.Body()) != body {
				t.Errorf("%v: %d octets became %d", pair, n, len(m.Body()))
			}
			b.Reply(m, 200, "b", "", "")
			if m := a.Final(id, "MESSAGE"); m.StatusCode() != 200 {
				t.Errorf("%v: %d octets: %d", pair, n, m.StatusCode())
			}
		}
		b.Register("b", "Contact: *", "Expires: 0")
		a.Close()
		b.Close()
	}
}
