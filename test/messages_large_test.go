package test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
)

// bothWays is a phone that registers over UDP and also listens for TCP at the same
// address: what comes by TCP comes to the second agent it gives, when there is one.
func bothWays(t *testing.T, to netip.AddrPort) (udp *wire, tcp <-chan *wire) {
	t.Helper()
	for range 50 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", c.LocalAddr().String())
		if err != nil { // somebody else has it
			_ = c.Close()
			continue
		}
		t.Cleanup(func() { _ = l.Close() })
		came := make(chan *wire, 8)
		go func() { // ends with the listener
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				came <- overStream(t, "TCP", c, to)
			}
		}()
		return overUDP(t, c, to), came
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// connected is the agent of a connection that is opened to the phone.
func connected(t *testing.T, came <-chan *wire) *wire {
	t.Helper()
	select {
	case w := <-came:
		return w
	case <-time.After(patience):
		t.Fatal("nobody connects")
		return nil
	}
}

// writeTo sends a text to a user, and returns its Call-ID.
func (w *wire) writeTo(user, body string) string {
	w.t.Helper()
	id := unique()
	w.send(crlf(fmt.Sprintf("MESSAGE sip:%s@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:x@elsewhere.test>;tag=1\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: %d\n\n",
		user, domain, w.via(), user, domain, id, len(body))) + body)
	return id
}

// got is a MESSAGE with that Call-ID, taken with a 200.
func (w *wire) got(id string) *sip.Message {
	w.t.Helper()
	m, err := w.next(patience, func(m *sip.Message) bool {
		return m.IsRequest() && m.Method() == sip.MESSAGE && string(m.CallID()) == id
	})
	if err != nil {
		w.t.Fatalf("waiting for message %s: %v", id, err)
	}
	w.reply(m, 200, "r", "", "")
	return m
}

// carries has a message to a user come to one agent, and its sender told so.
func (w *wire) carries(user, body string, to *wire) *sip.Message {
	w.t.Helper()
	id := w.writeTo(user, body)
	m := to.got(id)
	if code := w.final(id, "MESSAGE").StatusCode(); code != 200 {
		w.t.Errorf("a message of %d octets is answered %d", len(body), code)
	}
	return m
}

// delivered waits until nothing is kept any more.
func (r *rig) delivered(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); r.s.Messages().Stats().Waiting > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("messages still wait")
		}
	}
}

// A message too large for a packet comes by TCP to a device that registered over UDP
// and takes TCP, at once and when it was kept, and by UDP to one that does not. One
// that fits comes as the device registered (RFC 3261 §18.1.1, RFC 3428 §8).
func TestLargeMessagesByTCP(t *testing.T) {
	r := startServer(t, nil)
	r.user("both", "only")
	sender := r.dial(t, "trusted")
	small, large := "small", strings.Repeat("0123456789", 500)
	check := func(what string, m *sip.Message, proto, body string) {
		t.Helper()
		if via, _ := m.TopVia(); string(via.Transport) != proto || string(m.Body()) != body {
			t.Errorf("%s: %d octets come by %s, want %d by %s", what, len(m.Body()), via.Transport, len(body), proto)
		}
	}
	kept := sender.writeTo("both", large)
	if code := sender.final(kept, "MESSAGE").StatusCode(); code != 202 {
		t.Fatalf("for who is away: %d", code)
	}
	phone, came := bothWays(t, r.addr["udp"])
	phone.register("both")
	stream := connected(t, came)
	check("kept", stream.got(kept), "TCP", large)
	r.delivered(t)
	check("a small one", sender.carries("both", small, phone), "UDP", small)
	check("a large one", sender.carries("both", large, stream), "TCP", large)

	plain := r.dial(t, "udp")
	plain.register("only")
	check("to UDP alone", sender.carries("only", large, plain), "UDP", large)
}

// The size that decides is that of the request which leaves: none over 1,300 octets
// goes by UDP, though it came as one that had fewer.
func TestEdgeOfLargeMessages(t *testing.T) {
	r := startServer(t, nil)
	r.user("both")
	sender := r.dial(t, "trusted")
	phone, came := bothWays(t, r.addr["udp"])
	contact := strings.Replace(phone.contact("both"), ">", ";x="+strings.Repeat("y", 200)+">", 1)
	phone.register("both", "Contact: "+contact)
	size := func(m *sip.Message) int { return len(m.Bytes()) }
	head := size(sender.carries("both", strings.Repeat("z", 100), phone)) - 100
	if n := size(sender.carries("both", strings.Repeat("z", 1250-head), phone)); n < 1240 || n > 1260 {
		t.Errorf("%d octets come by UDP, want 1250", n)
	}
	id := sender.writeTo("both", strings.Repeat("z", 1310-head))
	if n := size(connected(t, came).got(id)); n < 1301 || n > 1320 {
		t.Errorf("%d octets come by TCP, want 1310", n)
	}
}

// Who sends too much is told how much is taken, by whatever transport.
func TestTooLargeMessage(t *testing.T) {
	r := startServer(t, func(c *config.Config) { c.Messages.Octets = 2000 })
	r.user("bob")
	for _, by := range []string{"trusted", "trusted-tcp"} {
		sender := r.dial(t, by)
		id := sender.writeTo("bob", strings.Repeat("x", 2001))
		m := sender.final(id, "MESSAGE")
		if m.StatusCode() != 413 || !strings.Contains(string(m.ReasonPhrase()), "At Most 2000 Octets") || !strings.Contains(string(m.Get(sip.HdrWarning)), "at most 2000 are taken") {
			t.Errorf("%s: told\n%s", by, m.Bytes())
		}
		id = sender.writeTo("bob", strings.Repeat("x", 2000))
		if code := sender.final(id, "MESSAGE").StatusCode(); code != 202 {
			t.Errorf("%s: of the largest it is told %d", by, code)
		}
	}
}
