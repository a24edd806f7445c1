package media

import (
	"testing"

	"tandem/media/sdp"
)

// answered joins a caller and a device that is offered want.
func answered(t *testing.T, s *Server, name string, caller *deskPhone, d device, want Want) (*Session, *sdp.Description) {
	t.Helper()
	session, err := s.Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, caller.describes(), want)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, d.answers(offer), Want{})
	if err != nil {
		t.Fatal(err)
	}
	caller.uses(answer)
	return session, read(t, offer)
}

// An attended transfer: who was called talks on with whom the transferor called,
// each in the dialog it had. Its o= line goes on, its ports stay.
func TestAttendedTransfer(t *testing.T) {
	for name, target := range map[string]struct {
		device func(*testing.T) device
		want   Want
		ports  int
	}{
		"plain":   {func(t *testing.T) device { return newDeskPhone(t, false) }, Want{}, 2},
		"keys":    {func(t *testing.T) device { return newDeskPhone(t, true) }, Want{Security: SecuritySDES}, 2},
		"browser": {func(t *testing.T) device { return newBrowser(t) }, Want{Security: SecurityDTLS}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			a, b, b2, c := newDeskPhone(t, false), newDeskPhone(t, false), newDeskPhone(t, false), target.device(t)
			first, _ := answered(t, s, "first", a, b, Want{})
			second, before := answered(t, s, "second", b2, c, target.want)
			talk(t, a, 1, b, 2)
			talk(t, b2, 3, c, 4)

			if err := first.Adopt(B, second, B); err != nil {
				t.Fatal(err)
			}
			second.Close()
			talk(t, a, 5, c, 6)
			if first.NeedsOffer(A) || first.NeedsOffer(B) {
				t.Error("both know all they need")
			}
			offer, err := first.MakeOffer(B, Want{Ptime: 30})
			if err != nil {
				t.Fatal(err)
			}
			after := read(t, offer)
			if !after.Origin.Same(before.Origin) || after.Origin.Version != "2" || where(after.Media[0]) != where(before.Media[0]) {
				t.Errorf("offered\n%s\nbefore\n%s", offer, before.Append(nil))
			}
			if err := first.TakeAnswer(B, c.answers(offer)); err != nil {
				t.Fatal(err)
			}
			talk(t, a, 7, c, 8)
			if got := s.plant.Host.Held(); got != 2+target.ports {
				t.Errorf("%d ports are open, want the caller's two and the target's %d", got, target.ports)
			}
			first.Close()
			if got := s.plant.Host.Held(); got != 0 {
				t.Errorf("%d ports are open after both have ended", got)
			}
		})
	}
}

// A parked call is picked up by another phone: the side waits in a session of its
// own, and takes the place of the other letter there.
func TestParkedSideIsPickedUp(t *testing.T) {
	s := start(t)
	a, b, c := newDeskPhone(t, false), newDeskPhone(t, true), newDeskPhone(t, false)
	first, _ := answered(t, s, "call", a, b, Want{Security: SecuritySDES})
	lot, err := s.Open("lot", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := lot.Adopt(A, first, B); err != nil { // a leaves, b waits
		t.Fatal(err)
	}
	first.Close()
	pickup, err := s.Open("pickup", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pickup.TakeOffer(A, c.describes()); err != nil {
		t.Fatal(err)
	}
	if err := pickup.Adopt(B, lot, A); err != nil {
		t.Fatal(err)
	}
	lot.Close()
	answer, err := pickup.MakeAnswer(A, Want{})
	if err != nil {
		t.Fatal(err)
	}
	c.uses(answer)
	talk(t, c, 1, b, 2)
}

func TestAdoptRefuses(t *testing.T) {
	s := start(t)
	a, b := newDeskPhone(t, false), newDeskPhone(t, false)
	first, _ := answered(t, s, "first", a, b, Want{})
	if err := first.Adopt(B, first, A); err != errSame {
		t.Errorf("a side in its own session: %v", err)
	}
	empty, err := s.Open("empty", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Adopt(B, empty, A); err == nil {
		t.Error("a side that is not there was adopted")
	}
	talk(t, a, 1, b, 2)
	empty.Close()
	if err := first.Adopt(B, empty, A); err != errClosed {
		t.Errorf("out of a closed session: %v", err)
	}
}

// Sides change places while packets come, in both directions at once.
func TestMovesUnderLoad(t *testing.T) {
	s := start(t)
	phones := []*deskPhone{newDeskPhone(t, false), newDeskPhone(t, false), newDeskPhone(t, false), newDeskPhone(t, false)}
	one, _ := answered(t, s, "one", phones[0], phones[1], Want{})
	two, _ := answered(t, s, "two", phones[2], phones[3], Want{})
	spare, err := s.Open("spare", Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	for _, p := range phones {
		go func() {
			defer func() { ended <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					p.says(9)
				}
			}
		}()
	}
	swap := func(x, y *Session) {
		for _, step := range []struct {
			to, from  *Session
			in, outOf Which
		}{{spare, x, A, B}, {x, y, B, B}, {y, spare, B, A}} {
			if err := step.to.Adopt(step.in, step.from, step.outOf); err != nil {
				t.Error(err)
			}
		}
	}
	for range 100 {
		swap(one, two)
	}
	one.Report()
	close(stop)
	for range phones {
		<-ended
	}
	talk(t, phones[0], 1, phones[1], 2)
	swap(two, one)
	talk(t, phones[0], 3, phones[3], 4)
	talk(t, phones[2], 5, phones[1], 6)
}
