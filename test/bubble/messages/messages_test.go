package messages

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// registerDevice registers a phone that tells its instance.
func registerDevice(p *bubble.Phone, user, instance string, expires int) {
	p.W.T.Helper()
	p.Request("REGISTER", user, user, fmt.Sprintf("Contact: <sip:%s@%s>;+sip.instance=\"<urn:uuid:%s>\"", user, p.Flow.Remote, instance),
		fmt.Sprintf("Expires: %d", expires))
	if got := p.Heard(); !slices.Contains(got, "200") {
		p.W.T.Fatalf("REGISTER: %q", got)
	}
}

// say sends a text, which is its body.
func say(p *bubble.Phone, from, to, text string, more ...string) {
	p.N++
	id := fmt.Sprintf("%d-%d", p.Flow.Remote.Port(), p.N)
	head := []string{"MESSAGE sip:" + to + "@time.test SIP/2.0", "Via: SIP/2.0/UDP " + p.Flow.Remote.String() + ";rport;branch=z9hG4bK" + id,
		"Max-Forwards: 70", "From: <sip:" + from + "@time.test>;tag=" + id, "To: <sip:" + to + "@time.test>", "Call-ID: " + id, "CSeq: 1 MESSAGE",
		"Content-Type: text/plain"}
	p.Send([]byte(strings.Join(append(append(head, more...), fmt.Sprintf("Content-Length: %d", len(text)), "", text), "\r\n")))
}

// next answers the next message with a code and returns its text.
func next(p *bubble.Phone, code int) string {
	p.Look()
	for i := range p.Got {
		var m sip.Message
		if p.Got[i].What == "MESSAGE" && m.Parse(p.Got[i].Raw) == nil {
			p.Got[i].What = "read"
			p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: code, ToTag: "x"}))
			return string(m.Body())
		}
	}
	return ""
}

// read answers every new message with a code and returns the texts, once each,
// as a device does that knows repetitions by transaction.
func read(p *bubble.Phone, code int) (texts []string) {
	p.Look()
	for i := 0; i < len(p.Got); i++ {
		r := &p.Got[i]
		var m sip.Message
		if r.What != "MESSAGE" || m.Parse(r.Raw) != nil {
			continue
		}
		r.What = "read"
		if !slices.Contains(texts, string(m.Body())) {
			texts = append(texts, string(m.Body()))
		}
		p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: code, ToTag: "x"}))
		p.Look()
	}
	return texts
}

// reading answers all that comes within a time.
func reading(w *bubble.World, d time.Duration, phones ...*bubble.Phone) []string {
	texts := make([][]string, len(phones))
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		for i, p := range phones {
			texts[i] = append(texts[i], read(p, 200)...)
		}
	}
	var out []string
	for _, t := range texts {
		out = append(out, strings.Join(t, " "))
	}
	return out
}

func expect(w *bubble.World, what string, got, want []string) {
	w.T.Helper()
	if !slices.Equal(got, want) {
		w.T.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Each of three devices, one of them away, gets every message once and in order.
func TestThreeDevices(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			bubble.Run(t, func(w *bubble.World) {
				alice, a, b, c := w.Phone(), w.Phone(), w.Phone(), w.Phone()
				registerDevice(a, "bob", "a", 3600)
				registerDevice(b, "bob", "b", 3600)
				registerDevice(c, "bob", "c", 3600)
				registerDevice(c, "bob", "c", 0)
				say(alice, "alice", "bob", "1")
				expect(w, "the first", reading(w, time.Second, a, b, c), []string{"1", "1", ""})
				say(alice, "alice", "bob", "2") // before the first is answered by all
				say(alice, "alice", "bob", "3")
				expect(w, "two more", reading(w, 2*time.Second, a, b, c), []string{"2 3", "2 3", ""})
				if restart {
					w.Stop()
					w.Open()
					for _, p := range []*bubble.Phone{alice, a, b, c} {
						p.Attach()
					}
				}
				registerDevice(c, "bob", "c", 3600)
				expect(w, "the third comes back", reading(w, 2*time.Second, a, b, c), []string{"", "", "1 2 3"})
				registerDevice(c, "bob", "c", 3600)
				expect(w, "and once more", reading(w, 2*time.Second, a, b, c), []string{"", "", ""})
				for _, code := range alice.Heard() {
					if code != "200" && code != "202" {
						t.Errorf("alice is told %s", code)
					}
				}
			})
		})
	}
}

// Who has no device at all gets the messages with the first one.
func TestAbsentUser(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob, other := w.Phone(), w.Phone(), w.Phone()
		for i := range 20 {
			say(alice, "alice", "bob", fmt.Sprint(i))
		}
		expect(w, "alice is told", slices.Compact(told(w, alice)), []string{"202"})
		w.Stop()
		w.Open()
		for _, p := range []*bubble.Phone{alice, bob, other} {
			p.Attach()
		}
		bob.Register("bob", 3600)
		want := []string{"0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", ""}
		expect(w, "the first device", reading(w, 3*time.Second, bob, other), want)
		other.Register("bob", 3600)
		expect(w, "the second", reading(w, 3*time.Second, bob, other), []string{"", ""})
		if n := w.S.Messages().Stats().Waiting; n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

func told(w *bubble.World, p *bubble.Phone) []string {
	time.Sleep(100 * time.Millisecond)
	return p.Heard()
}

// A device that registered and says nothing more: the message is kept within
// seconds, and comes when it registers again.
func TestSilentDevice(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "a", 3600)
		say(alice, "alice", "bob", "hello")
		w.Pass(3900*time.Millisecond, alice)
		expect(w, "before 4 s", alice.Heard(), nil)
		w.Pass(200*time.Millisecond, alice)
		expect(w, "after 4 s", told(w, alice), []string{"202"})
		say(alice, "alice", "bob", "again")
		w.Pass(time.Minute, alice)
		bob.Look()
		bob.Got = nil // all of that was lost
		back := w.Phone()
		registerDevice(back, "bob", "a", 3600)
		expect(w, "when it is back", reading(w, 5*time.Second, back), []string{"hello again"})
	})
}

// What was kept because the only device is silent comes at once to another one that
// registers: it does not wait until the silent one is given up.
func TestSilentDeviceHoldsNothingUp(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, silent, other := w.Phone(), w.Phone(), w.Phone()
		silent.Register("bob", 3600)
		say(alice, "alice", "bob", "hello")
		w.Pass(5*time.Second, alice)
		expect(w, "she is told", told(w, alice), []string{"202"})
		other.Register("bob", 3600)
		expect(w, "the other device", reading(w, time.Second, other), []string{"hello"})
		say(alice, "alice", "bob", "again") // and now the other one is silent as well
		w.Pass(5*time.Second, alice)
		expect(w, "she is told", told(w, alice), []string{"202", "202"})
		w.Stop() // after a restart nobody knows who is silent
		w.Open()
		third := w.Phone()
		third.Register("bob", 3600)
		expect(w, "though the silent ones may take it as well", reading(w, time.Second, third), []string{"again"})
		expect(w, "and no second time", reading(w, time.Minute, third), []string{""})
	})
}

// A device that answers a kept message late lives: it gets the others at once, and need
// not register again for them.
func TestLateAnswerGoesOn(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		for i := range 3 {
			say(alice, "alice", "bob", fmt.Sprint(i))
		}
		told(w, alice)
		registerDevice(bob, "bob", "a", 3600)
		w.Pass(10*time.Second, bob)
		if got := next(bob, 200); got != "0" {
			t.Fatalf("bob got %q", got)
		}
		bob.Got = nil // repetitions
		expect(w, "the rest", reading(w, 2*time.Second, bob), []string{"1 2"})
		expect(w, "and no second time", reading(w, time.Minute, bob), []string{""})
	})
}

// A device that has a message already, because the server died before it could
// note that, says 482 and does not get it again.
func TestRepeatIsRecognised(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		say(alice, "alice", "bob", "1")
		say(alice, "alice", "bob", "2")
		told(w, alice)
		registerDevice(bob, "bob", "a", 3600)
		time.Sleep(100 * time.Millisecond)
		if got := next(bob, 482); got != "1" {
			t.Fatalf("bob got %q", got)
		}
		expect(w, "then", reading(w, time.Second, bob), []string{"2"})
		registerDevice(bob, "bob", "a", 3600)
		expect(w, "again", reading(w, time.Second, bob), []string{""})
	})
}

// What a device will never take is not offered again, and does not hold up the rest.
func TestRefusedByDevice(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "a", 3600)
		say(alice, "alice", "bob", "1")
		read(bob, 415)
		expect(w, "at once", told(w, alice), []string{"415"})
		registerDevice(bob, "bob", "a", 0)
		say(alice, "alice", "bob", "2")
		say(alice, "alice", "bob", "3")
		expect(w, "away", told(w, alice), []string{"415", "202", "202"})
		registerDevice(bob, "bob", "a", 3600)
		time.Sleep(100 * time.Millisecond)
		if got := next(bob, 415); got != "2" {
			t.Fatalf("bob got %q", got)
		}
		expect(w, "the rest", reading(w, time.Second, bob), []string{"3"})
	})
}

// Limits are told: a body too long, a mailbox that is full, a sender in a hurry.
func TestMessageLimits(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Octets, w.Cfg.Messages.Mailbox, w.Cfg.Messages.Bytes = 100, 3, 4096
		w.Open()
		alice, bob := w.Phone(), w.Phone()
		say(alice, "alice", "bob", strings.Repeat("x", 101))
		if got := alice.Heard(); len(got) != 1 || !strings.HasPrefix(string(alice.Got[0].Raw), "SIP/2.0 413 Message Too Large (At Most 100 Octets)") {
			t.Fatalf("too long: %q", got)
		}
		alice.Got = nil
		for i := range 5 {
			say(alice, "alice", "bob", fmt.Sprint(i))
		}
		got := told(w, alice)
		slices.Sort(got)
		expect(w, "five for a box of three", got, []string{"202", "202", "202", "480", "480"})
		bob.Register("bob", 3600)
		expect(w, "what was acknowledged", reading(w, time.Second, bob), []string{"0 1 2"})
	})
}

// Typing is of no use later: it is neither kept nor does it wait.
func TestTypingIsNotKept(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		typing := func() {
			alice.N++
			alice.Request("MESSAGE", "alice", "bob", "Content-Type: application/im-iscomposing+xml")
		}
		typing()
		expect(w, "nobody is there", told(w, alice), []string{"480"})
		registerDevice(bob, "bob", "a", 3600)
		typing()
		expect(w, "bob sees it", reading(w, time.Second, bob), []string{""})
		expect(w, "alice is told", told(w, alice), []string{"480", "200"})
	})
}

// What a user writes appears at his other devices, not at the one he wrote with.
func TestCopies(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		desk, mobile, bob := w.Phone(), w.Phone(), w.Phone()
		registerDevice(desk, "alice", "desk", 3600)
		registerDevice(mobile, "alice", "mobile", 3600)
		registerDevice(bob, "bob", "b", 3600)
		say(desk, "alice", "bob", "hello")
		expect(w, "a copy", reading(w, time.Second, desk, mobile, bob), []string{"", "hello", "hello"})
		registerDevice(mobile, "alice", "mobile", 0)
		say(desk, "alice", "bob", "later")
		expect(w, "none there", reading(w, time.Second, desk, mobile, bob), []string{"", "", "later"})
		registerDevice(mobile, "alice", "mobile", 3600)
		expect(w, "when it is back", reading(w, time.Second, desk, mobile, bob), []string{"", "later", ""})
	})
}

// A message expires when its sender says so (RFC 3428 §9).
func TestMessageExpires(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		say(alice, "alice", "bob", "soon old", "Expires: 60")
		say(alice, "alice", "bob", "lasting")
		expect(w, "both are kept", told(w, alice), []string{"202", "202"})
		w.Pass(3*time.Minute, alice)
		bob.Register("bob", 3600)
		expect(w, "what is left", reading(w, time.Second, bob), []string{"lasting"})
	})
}
