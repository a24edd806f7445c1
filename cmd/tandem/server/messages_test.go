package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// device is a phone that tells its instance.
func (p *phone) device(user, instance string, expires int) {
	p.w.t.Helper()
	p.request("REGISTER", user, user, fmt.Sprintf("Contact: <sip:%s@%s>;+sip.instance=\"<urn:uuid:%s>\"", user, p.flow.Remote, instance),
		fmt.Sprintf("Expires: %d", expires))
	if got := p.heard(); !slices.Contains(got, "200") {
		p.w.t.Fatalf("REGISTER: %q", got)
	}
}

// say sends a text, which is its body.
func (p *phone) say(from, to, text string, more ...string) {
	p.n++
	id := fmt.Sprintf("%d-%d", p.flow.Remote.Port(), p.n)
	head := []string{"MESSAGE sip:" + to + "@time.test SIP/2.0", "Via: SIP/2.0/UDP " + p.flow.Remote.String() + ";rport;branch=z9hG4bK" + id,
		"Max-Forwards: 70", "From: <sip:" + from + "@time.test>;tag=" + id, "To: <sip:" + to + "@time.test>", "Call-ID: " + id, "CSeq: 1 MESSAGE",
		"Content-Type: text/plain"}
	p.send([]byte(strings.Join(append(append(head, more...), fmt.Sprintf("Content-Length: %d", len(text)), "", text), "\r\n")))
}

// next answers the next message with a code and returns its text.
func (p *phone) next(code int) string {
	p.look()
	for i := range p.got {
		var m sip.Message
		if p.got[i].what == "MESSAGE" && m.Parse(p.got[i].raw) == nil {
			p.got[i].what = "read"
			p.send(sip.AppendResponse(nil, &m, sip.Response{Code: code, ToTag: "x"}))
			return string(m.Body())
		}
	}
	return ""
}

// read answers every new message with a code and returns the texts, once each,
// as a device does that knows repetitions by transaction.
func (p *phone) read(code int) (texts []string) {
	p.look()
	for i := 0; i < len(p.got); i++ {
		r := &p.got[i]
		var m sip.Message
		if r.what != "MESSAGE" || m.Parse(r.raw) != nil {
			continue
		}
		r.what = "read"
		if !slices.Contains(texts, string(m.Body())) {
			texts = append(texts, string(m.Body()))
		}
		p.send(sip.AppendResponse(nil, &m, sip.Response{Code: code, ToTag: "x"}))
		p.look()
	}
	return texts
}

// reading answers all that comes within a time.
func (w *world) reading(d time.Duration, phones ...*phone) []string {
	texts := make([][]string, len(phones))
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		for i, p := range phones {
			texts[i] = append(texts[i], p.read(200)...)
		}
	}
	var out []string
	for _, t := range texts {
		out = append(out, strings.Join(t, " "))
	}
	return out
}

func (w *world) expect(what string, got, want []string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Each of three devices, one of them away, gets every message once and in order.
func TestThreeDevices(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			inTime(t, func(w *world) {
				alice, a, b, c := w.phone(), w.phone(), w.phone(), w.phone()
				a.device("bob", "a", 3600)
				b.device("bob", "b", 3600)
				c.device("bob", "c", 3600)
				c.device("bob", "c", 0)
				alice.say("alice", "bob", "1")
				w.expect("the first", w.reading(time.Second, a, b, c), []string{"1", "1", ""})
				alice.say("alice", "bob", "2") // before the first is answered by all
				alice.say("alice", "bob", "3")
				w.expect("two more", w.reading(2*time.Second, a, b, c), []string{"2 3", "2 3", ""})
				if restart {
					w.stop()
					w.open()
					for _, p := range []*phone{alice, a, b, c} {
						p.attach()
					}
				}
				c.device("bob", "c", 3600)
				w.expect("the third comes back", w.reading(2*time.Second, a, b, c), []string{"", "", "1 2 3"})
				c.device("bob", "c", 3600)
				w.expect("and once more", w.reading(2*time.Second, a, b, c), []string{"", "", ""})
				for _, code := range alice.heard() {
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
	inTime(t, func(w *world) {
		alice, bob, other := w.phone(), w.phone(), w.phone()
		for i := range 20 {
			alice.say("alice", "bob", fmt.Sprint(i))
		}
		w.expect("alice is told", slices.Compact(w.told(alice)), []string{"202"})
		w.stop()
		w.open()
		for _, p := range []*phone{alice, bob, other} {
			p.attach()
		}
		bob.register("bob", 3600)
		want := []string{"0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", ""}
		w.expect("the first device", w.reading(3*time.Second, bob, other), want)
		other.register("bob", 3600)
		w.expect("the second", w.reading(3*time.Second, bob, other), []string{"", ""})
		if n := w.s.messages.Stats().Waiting; n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}

func (w *world) told(p *phone) []string {
	time.Sleep(100 * time.Millisecond)
	return p.heard()
}

// A device that registered and says nothing more: the message is kept within
// seconds, and comes when it registers again.
func TestSilentDevice(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		bob.device("bob", "a", 3600)
		alice.say("alice", "bob", "hello")
		w.pass(3900*time.Millisecond, alice)
		w.expect("before 4 s", alice.heard(), nil)
		w.pass(200*time.Millisecond, alice)
		w.expect("after 4 s", w.told(alice), []string{"202"})
		alice.say("alice", "bob", "again")
		w.pass(time.Minute, alice)
		bob.look()
		bob.got = nil // all of that was lost
		back := w.phone()
		back.device("bob", "a", 3600)
		w.expect("when it is back", w.reading(5*time.Second, back), []string{"hello again"})
	})
}

// What was kept because the only device is silent comes at once to another one that
// registers: it does not wait until the silent one is given up.
func TestSilentDeviceHoldsNothingUp(t *testing.T) {
	inTime(t, func(w *world) {
		alice, silent, other := w.phone(), w.phone(), w.phone()
		silent.register("bob", 3600)
		alice.say("alice", "bob", "hello")
		w.pass(5*time.Second, alice)
		w.expect("she is told", w.told(alice), []string{"202"})
		other.register("bob", 3600)
		w.expect("the other device", w.reading(time.Second, other), []string{"hello"})
		alice.say("alice", "bob", "again") // and now the other one is silent as well
		w.pass(5*time.Second, alice)
		w.expect("she is told", w.told(alice), []string{"202", "202"})
		w.stop() // after a restart nobody knows who is silent
		w.open()
		third := w.phone()
		third.register("bob", 3600)
		w.expect("though the silent ones may take it as well", w.reading(time.Second, third), []string{"again"})
		w.expect("and no second time", w.reading(time.Minute, third), []string{""})
	})
}

// A device that answers a kept message late lives: it gets the others at once, and need
// not register again for them.
func TestLateAnswerGoesOn(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		for i := range 3 {
			alice.say("alice", "bob", fmt.Sprint(i))
		}
		w.told(alice)
		bob.device("bob", "a", 3600)
		w.pass(10*time.Second, bob)
		if got := bob.next(200); got != "0" {
			t.Fatalf("bob got %q", got)
		}
		bob.got = nil // repetitions
		w.expect("the rest", w.reading(2*time.Second, bob), []string{"1 2"})
		w.expect("and no second time", w.reading(time.Minute, bob), []string{""})
	})
}

// A device that has a message already, because the server died before it could
// note that, says 482 and does not get it again.
func TestRepeatIsRecognised(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		alice.say("alice", "bob", "1")
		alice.say("alice", "bob", "2")
		w.told(alice)
		bob.device("bob", "a", 3600)
		time.Sleep(100 * time.Millisecond)
		if got := bob.next(482); got != "1" {
			t.Fatalf("bob got %q", got)
		}
		w.expect("then", w.reading(time.Second, bob), []string{"2"})
		bob.device("bob", "a", 3600)
		w.expect("again", w.reading(time.Second, bob), []string{""})
	})
}

// What a device will never take is not offered again, and does not hold up the rest.
func TestRefusedByDevice(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		bob.device("bob", "a", 3600)
		alice.say("alice", "bob", "1")
		bob.read(415)
		w.expect("at once", w.told(alice), []string{"415"})
		bob.device("bob", "a", 0)
		alice.say("alice", "bob", "2")
		alice.say("alice", "bob", "3")
		w.expect("away", w.told(alice), []string{"415", "202", "202"})
		bob.device("bob", "a", 3600)
		time.Sleep(100 * time.Millisecond)
		if got := bob.next(415); got != "2" {
			t.Fatalf("bob got %q", got)
		}
		w.expect("the rest", w.reading(time.Second, bob), []string{"3"})
	})
}

// Limits are told: a body too long, a mailbox that is full, a sender in a hurry.
func TestMessageLimits(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Messages.Octets, w.cfg.Messages.Mailbox, w.cfg.Messages.Bytes = 100, 3, 4096
		w.open()
		alice, bob := w.phone(), w.phone()
		alice.say("alice", "bob", strings.Repeat("x", 101))
		if got := alice.heard(); len(got) != 1 || !strings.HasPrefix(string(alice.got[0].raw), "SIP/2.0 413 Message Too Large (At Most 100 Octets)") {
			t.Fatalf("too long: %q", got)
		}
		alice.got = nil
		for i := range 5 {
			alice.say("alice", "bob", fmt.Sprint(i))
		}
		got := w.told(alice)
		slices.Sort(got)
		w.expect("five for a box of three", got, []string{"202", "202", "202", "480", "480"})
		bob.register("bob", 3600)
		w.expect("what was acknowledged", w.reading(time.Second, bob), []string{"0 1 2"})
	})
}

// Typing is of no use later: it is neither kept nor does it wait.
func TestTypingIsNotKept(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		typing := func() {
			alice.n++
			alice.request("MESSAGE", "alice", "bob", "Content-Type: application/im-iscomposing+xml")
		}
		typing()
		w.expect("nobody is there", w.told(alice), []string{"480"})
		bob.device("bob", "a", 3600)
		typing()
		w.expect("bob sees it", w.reading(time.Second, bob), []string{""})
		w.expect("alice is told", w.told(alice), []string{"480", "200"})
	})
}

// What a user writes appears at his other devices, not at the one he wrote with.
func TestCopies(t *testing.T) {
	inTime(t, func(w *world) {
		desk, mobile, bob := w.phone(), w.phone(), w.phone()
		desk.device("alice", "desk", 3600)
		mobile.device("alice", "mobile", 3600)
		bob.device("bob", "b", 3600)
		desk.say("alice", "bob", "hello")
		w.expect("a copy", w.reading(time.Second, desk, mobile, bob), []string{"", "hello", "hello"})
		mobile.device("alice", "mobile", 0)
		desk.say("alice", "bob", "later")
		w.expect("none there", w.reading(time.Second, desk, mobile, bob), []string{"", "", "later"})
		mobile.device("alice", "mobile", 3600)
		w.expect("when it is back", w.reading(time.Second, desk, mobile, bob), []string{"", "later", ""})
	})
}

// A message expires when its sender says so (RFC 3428 §9).
func TestMessageExpires(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		alice.say("alice", "bob", "soon old", "Expires: 60")
		alice.say("alice", "bob", "lasting")
		w.expect("both are kept", w.told(alice), []string{"202", "202"})
		w.pass(3*time.Minute, alice)
		bob.register("bob", 3600)
		w.expect("what is left", w.reading(time.Second, bob), []string{"lasting"})
	})
}
