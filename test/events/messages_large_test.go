package events

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// bothWays is a phone that registers over UDP and also listens for TCP at the same
// address: what comes by TCP comes to the second agent it gives, when there is one.
func bothWays(t *testing.T, to netip.AddrPort) (udp *harness.Wire, tcp <-chan *harness.Wire) {
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
		came := make(chan *harness.Wire, 8)
		go func() { // ends with the listener
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				came <- harness.OverStream(t, "TCP", c, to)
			}
		}()
		return harness.OverUDP(t, c, to), came
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// connected is the agent of a connection that is opened to the phone.
func connected(t *testing.T, came <-chan *harness.Wire) *harness.Wire {
	t.Helper()
	select {
	case w := <-came:
		return w
	case <-time.After(harness.Patience):
		t.Fatal("nobody connects")
		return nil
	}
}

// writeTo sends a text to a user, and returns its Call-ID.
func writeTo(w *harness.Wire, user, body string) string {
	w.T.Helper()
	id := harness.Unique()
	w.Send(harness.CRLF(fmt.Sprintf("MESSAGE sip:%s@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:x@elsewhere.test>;tag=1\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: %d\n\n",
		user, harness.Domain, w.Via(), user, harness.Domain, id, len(body))) + body)
	return id
}

// got is a MESSAGE with that Call-ID, taken with a 200.
func got(w *harness.Wire, id string) *sip.Message {
	w.T.Helper()
	m, err := w.Next(harness.Patience, func(m *sip.Message) bool {
		return m.IsRequest() && m.Method() == sip.MESSAGE && string(m.CallID()) == id
	})
	if err != nil {
		w.T.Fatalf("waiting for message %s: %v", id, err)
	}
	w.Reply(m, 200, "r", "", "")
	return m
}

// carries has a message to a user come to one agent, and its sender told so.
func carries(w *harness.Wire, user, body string, to *harness.Wire) *sip.Message {
	w.T.Helper()
	id := writeTo(w, user, body)
	m := got(to, id)
	if code := w.Final(id, "MESSAGE").StatusCode(); code != 200 {
		w.T.Errorf("a message of %d octets is answered %d", len(body), code)
	}
	return m
}

// delivered waits until nothing is kept any more.
func delivered(r *harness.Rig, t *testing.T) {
	t.Helper()
	for end := time.Now().Add(harness.Patience); r.S.Messages().Stats().Waiting > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("messages still wait")
		}
	}
}

// A message too large for a packet comes by TCP to a device that registered over UDP
// and takes TCP, at once and when it was kept, and by UDP to one that does not. One
// that fits comes as the device registered (RFC 3261 §18.1.1, RFC 3428 §8).
func TestLargeMessagesByTCP(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("both", "only")
	sender := r.Dial(t, "trusted")
	small, large := "small", strings.Repeat("0123456789", 500)
	check := func(what string, m *sip.Message, proto, body string) {
		t.Helper()
		if via, _ := m.TopVia(); string(via.Transport) != proto || string(m.Body()) != body {
			t.Errorf("%s: %d octets come by %s, want %d by %s", what, len(m.Body()), via.Transport, len(body), proto)
		}
	}
	kept := writeTo(sender, "both", large)
	if code := sender.Final(kept, "MESSAGE").StatusCode(); code != 202 {
		t.Fatalf("for who is away: %d", code)
	}
	phone, came := bothWays(t, r.Addr["udp"])
	phone.Register("both")
	stream := connected(t, came)
	check("kept", got(stream, kept), "TCP", large)
	delivered(r, t)
	check("a small one", carries(sender, "both", small, phone), "UDP", small)
	check("a large one", carries(sender, "both", large, stream), "TCP", large)

	plain := r.Dial(t, "udp")
	plain.Register("only")
	check("to UDP alone", carries(sender, "only", large, plain), "UDP", large)
}

// The size that decides is that of the request which leaves: none over 1,300 octets
// goes by UDP, though it came as one that had fewer.
func TestEdgeOfLargeMessages(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("both")
	sender := r.Dial(t, "trusted")
	phone, came := bothWays(t, r.Addr["udp"])
	contact := strings.Replace(phone.Contact("both"), ">", ";x="+strings.Repeat("y", 200)+">", 1)
	phone.Register("both", "Contact: "+contact)
	size := func(m *sip.Message) int { return len(m.Bytes()) }
	head := size(carries(sender, "both", strings.Repeat("z", 100), phone)) - 100
	if n := size(carries(sender, "both", strings.Repeat("z", 1250-head), phone)); n < 1240 || n > 1260 {
		t.Errorf("%d octets come by UDP, want 1250", n)
	}
	id := writeTo(sender, "both", strings.Repeat("z", 1310-head))
	if n := size(got(connected(t, came), id)); n < 1301 || n > 1320 {
		t.Errorf("%d octets come by TCP, want 1310", n)
	}
}

// Who sends too much is told how much is taken, by whatever transport.
func TestTooLargeMessage(t *testing.T) {
	r := harness.StartServer(t, func(c *config.Config) { c.Messages.Octets = 2000 })
	r.User("bob")
	for _, by := range []string{"trusted", "trusted-tcp"} {
		sender := r.Dial(t, by)
		id := writeTo(sender, "bob", strings.Repeat("x", 2001))
		m := sender.Final(id, "MESSAGE")
		if m.StatusCode() != 413 || !strings.Contains(string(m.ReasonPhrase()), "At Most 2000 Octets") || !strings.Contains(string(m.Get(sip.HdrWarning)), "at most 2000 are taken") {
			t.Errorf("%s: told\n%s", by, m.Bytes())
		}
		id = writeTo(sender, "bob", strings.Repeat("x", 2000))
		if code := sender.Final(id, "MESSAGE").StatusCode(); code != 202 {
			t.Errorf("%s: of the largest it is told %d", by, code)
		}
	}
}
