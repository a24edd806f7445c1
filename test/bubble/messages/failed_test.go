package messages

import (
	"strings"
	"testing"
	"time"

	"tandem/test/bubble"
)

const wanted = "From: <sip:alice@time.test>\r\nTo: <sip:bob@time.test>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n" +
	"DateTime: 2026-05-04T12:00:00Z\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nhello"

// failures answers what comes within a time, and counts reports of a failure.
func failures(w *bubble.World, p *bubble.Phone, d time.Duration) (n int) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		for _, text := range read(p, 200) {
			if strings.Contains(text, "<failed/>") {
				n++
			}
		}
	}
	return n
}

// A sender who wants to be told of failures is told when nobody has had his message and
// nobody will, and only then (RFC 5438 §7.2.1).
func TestFailureIsTold(t *testing.T) {
	send := func(w *bubble.World, alice *bubble.Phone, more ...string) {
		w.T.Helper()
		alice.Content("MESSAGE", "alice", "bob", wanted, append(more, "Content-Type: message/cpim")...)
		if code := final(w, alice); code[0] != '2' {
			w.T.Fatalf("told %s", code)
		}
	}
	for name, c := range map[string]struct {
		want int
		run  func(w *bubble.World, alice *bubble.Phone)
	}{
		"refused by the device that comes": {1, func(w *bubble.World, alice *bubble.Phone) {
			bob := w.Phone()
			send(w, alice)
			registerDevice(bob, "bob", "b", 3600)
			w.Pass(time.Second, alice)
			if got := read(bob, 415); len(got) != 1 {
				w.T.Fatalf("bob gets %q", got)
			}
		}},
		"its receiver is deleted": {1, func(w *bubble.World, alice *bubble.Phone) {
			send(w, alice)
			if err := w.S.Messages().Forget(w.T.Context(), bobAOR); err != nil {
				w.T.Fatal(err)
			}
		}},
		"deleted while it waits": {1, func(w *bubble.World, alice *bubble.Phone) {
			send(w, alice)
			if err := w.S.Messages().Delete(w.T.Context(), bobAOR, w.S.Messages().Queue(bobAOR)[0].ID); err != nil {
				w.T.Fatal(err)
			}
		}},
		"expired": {1, func(w *bubble.World, alice *bubble.Phone) { send(w, alice, "Expires: 60") }},
		"had by one, expired for another": {0, func(w *bubble.World, alice *bubble.Phone) {
			one, other := w.Phone(), w.Phone()
			registerDevice(other, "bob", "other", 3600)
			registerDevice(other, "bob", "other", 0)
			registerDevice(one, "bob", "one", 3600)
			alice.Content("MESSAGE", "alice", "bob", wanted, "Expires: 60", "Content-Type: message/cpim")
			w.Pass(100*time.Millisecond, alice, one)
			if got := read(one, 200); len(got) != 1 {
				w.T.Fatalf("bob gets %q", got)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(w *bubble.World) {
				alice := w.Phone()
				registerDevice(alice, "alice", "a", 3600)
				c.run(w, alice)
				if n := failures(w, alice, 3*time.Minute); n != c.want {
					t.Errorf("%d failures are told, want %d", n, c.want)
				}
			})
		})
	}
}

// A message that has expired holds up none that comes after it.
func TestExpiredHoldsNothingUp(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		say(alice, "alice", "bob", "old", "Expires: 2")
		expect(w, "it is kept", told(w, alice), []string{"202"})
		time.Sleep(3 * time.Second)
		bob.Register("bob", 3600)
		say(alice, "alice", "bob", "now or never", "Expires: 0")
		expect(w, "bob reads", reading(w, time.Second, bob), []string{"now or never"})
		expect(w, "alice is told", told(w, alice), []string{"202", "200"})
	})
}

// The number of a message that is gone is never that of another, also after a restart:
// a program that acknowledges it again, since it got no answer, loses nothing.
func TestNumbersAreNotUsedTwice(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice := w.Phone()
		w.S.Messages().Attach(bobAOR, "tab")
		say(alice, "alice", "bob", "first")
		time.Sleep(time.Second)
		first := w.S.Messages().QueueFor(bobAOR, "tab")[0].ID
		if err := w.S.Messages().Take(bobAOR, first, "tab"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.Stop()
		w.Open()
		alice.Attach()
		say(alice, "alice", "bob", "second")
		time.Sleep(time.Second)
		if w.S.Messages().Take(bobAOR, first, "tab") == nil || len(w.S.Messages().QueueFor(bobAOR, "tab")) != 1 {
			t.Error("the second is taken for the first")
		}
	})
}
