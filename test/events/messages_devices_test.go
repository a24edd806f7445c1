package events

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// device is a phone that shows each message once: a repetition it knows by Call-ID,
// CSeq and From tag, and says so (RFC 3261 §8.2.2.2).
type device struct {
	*harness.Wire
	instance string
	shown    []string
	known    map[string]bool
}

func newDevice(t *testing.T, p *harness.Process, instance string) *device {
	return &device{Wire: harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted)), instance: instance, known: make(map[string]bool)}
}

// bind registers, or ends that, and waits for the answer.
func (d *device) bind(expires int) {
	d.T.Helper()
	id := harness.Unique()
	text := harness.CRLF(fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nFrom: <sip:u1@%s>;tag=1\nTo: <sip:u1@%s>\nCall-ID: %s\nCSeq: 1 REGISTER\nContact: <sip:u1@%s>;+sip.instance=\"<urn:uuid:%s>\";expires=%d\nContent-Length: 0\n",
		harness.Domain, d.Via(), harness.Domain, harness.Domain, id, d.Local, d.instance, expires))
	d.ask(text, id)
}

// ask sends a request again, as UDP clients do, until it has a final answer.
func (d *device) ask(text, id string) *sip.Message {
	d.T.Helper()
	for range 40 {
		_ = d.Write([]byte(text))
		m, err := d.Next(500*time.Millisecond, func(m *sip.Message) bool {
			return !m.IsRequest() && m.StatusCode() >= 200 && string(m.CallID()) == id
		})
		if err == nil {
			return m
		}
	}
	d.T.Fatalf("no answer to\n%s", text)
	return nil
}

// look waits for a message without answering it.
func (d *device) look(limit time.Duration) *sip.Message {
	m, err := d.Next(limit, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.MESSAGE })
	if err != nil {
		return nil
	}
	return m
}

// take shows a message and answers it.
func (d *device) take(m *sip.Message) {
	key := string(m.CallID()) + string(m.FromTag())
	if d.known[key] {
		d.Reply(m, 482, "r", "", "")
		return
	}
	d.known[key] = true
	d.shown = append(d.shown, string(m.Body()))
	d.Reply(m, 200, "r", "", "")
}

// The server is killed at each step of a message to three devices, one of which is
// away: each shows every message once, and in order.
func TestThreeDevicesAndKills(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "")
	sender, a, b, c := newDevice(t, p, ""), newDevice(t, p, "a"), newDevice(t, p, "b"), newDevice(t, p, "c")
	devices := []*device{a, b, c}
	kill := func() {
		p.Signal(syscall.SIGKILL)
		p.Wait(harness.Patience)
	}
	wait := func(d *device) *sip.Message {
		t.Helper()
		m := d.look(harness.Patience)
		if m == nil {
			t.Fatalf("device %s gets nothing", d.instance)
		}
		return m
	}
	n := 0
	message := func() (text, id string) {
		n++
		body, id := fmt.Sprint(n), harness.Unique()
		return harness.CRLF(fmt.Sprintf("MESSAGE sip:u1@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:u2@%s>;tag=%s\nTo: <sip:u1@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: %d\n\n%s",
			harness.Domain, sender.Via(), harness.Domain, id, harness.Domain, id, len(body), body)), id
	}
	for _, step := range []struct {
		name string
		run  func(text string)
	}{
		{"sent", func(text string) { sender.Send(text) }},
		{"at a device", func(text string) { sender.Send(text); wait(a) }},
		{"taken by one", func(text string) { sender.Send(text); a.take(wait(a)); wait(b) }},
		{"taken by both", func(text string) { sender.Send(text); a.take(wait(a)); b.take(wait(b)) }},
		{"at the one that is back", func(text string) { sender.Send(text); a.take(wait(a)); b.take(wait(b)); c.bind(3600); wait(c) }},
		{"taken by the one that is back", func(text string) {
			sender.Send(text)
			a.take(wait(a))
			b.take(wait(b))
			c.bind(3600)
			c.take(wait(c))
		}},
	} {
		for _, d := range devices {
			d.bind(3600)
		}
		c.bind(0)
		text, id := message()
		step.run(text)
		kill()
		p.Start()
		// The sender asks again until it is answered, and writes on; so do the phones.
		done := make(chan int, 1)
		go func() {
			code := sender.ask(text, id).StatusCode()
			next, id := message()
			done <- max(code, sender.ask(next, id).StatusCode())
		}()
		for _, d := range devices {
			d.bind(3600)
		}
		code := 0
		for end := time.Now().Add(2 * harness.Patience); code == 0 || slices.ContainsFunc(devices, func(d *device) bool { return len(d.shown) < n }); {
			if time.Now().After(end) {
				break
			}
			for _, d := range devices {
				if m := d.look(5 * time.Millisecond); m != nil {
					d.take(m)
				}
			}
			if code == 0 {
				select {
				case code = <-done:
				default:
				}
			}
		}
		if code/100 != 2 {
			t.Errorf("%s: the sender is told %d", step.name, code)
		}
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint(i+1))
		}
		for _, d := range devices {
			if !slices.Equal(d.shown, want) {
				t.Fatalf("%s: device %s shows %q, want %q", step.name, d.instance, d.shown, want)
			}
		}
	}
}

// A message to a user whose only device is behind a TCP connection that is dead is
// kept, and comes over the next one. The server learns of the one connection when
// it is told, of the other because nothing comes back.
func TestDeadConnection(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, nil)
	from := r.Dial(t, "trusted")
	say := func(to string) string {
		id := harness.Unique()
		from.Send(fmt.Sprintf("MESSAGE sip:%s@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:x@elsewhere.test>;tag=1\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: 5\n\nhello",
			to, harness.Domain, from.Via(), to, harness.Domain, id))
		return id
	}
	ids := make(map[string]string)
	for _, user := range []string{"reset", "silent"} {
		r.User(user)
		c, err := net.Dial("tcp", r.Addr["tcp"].String())
		if err != nil {
			t.Fatal(err)
		}
		phone := harness.OverStream(t, "TCP", c, r.Addr["tcp"])
		phone.Register(user)
		if user == "reset" {
			_ = c.(*net.TCPConn).SetLinger(0)
			phone.Close()
		}
		ids[user] = say(user)
	}
	for user, id := range ids {
		if m := from.Final(id, "MESSAGE"); m.StatusCode() != 202 {
			t.Errorf("%s: the sender is told %d", user, m.StatusCode())
		}
		phone := r.Dial(t, "tcp")
		phone.Register(user)
		m := phone.Request("MESSAGE")
		if got := string(m.Body()); got != "hello" || !strings.Contains(string(m.CallID()), id) {
			t.Errorf("%s: then comes %q", user, got)
		}
		phone.Reply(m, 200, "r", "", "")
	}
}
