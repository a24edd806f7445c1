package qualify

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// world is a Prober that nobody runs, whom it has asked, and of whom it has told.
type world struct {
	*Prober
	t       *testing.T
	flow    transport.Flow
	asked   []func(uac.Reply)
	changed []rtc.AOR
}

func newWorld(t *testing.T, every time.Duration) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	tr, err := transport.New(transport.Config{Handler: transaction.New(transaction.Config{Log: log}), Log: log,
		Listen: []transport.Listen{{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = tr.Run(ctx) // it closes its sockets
	})
	l := location.New(nil, log)
	w := &world{t: t}
	w.Prober = New(Config{Location: l, Reach: reach.New(l, tr), Every: every,
		Send:    func(_ uac.Outside, done func(uac.Reply)) error { w.asked = append(w.asked, done); return nil },
		Changed: func(aor rtc.AOR) { w.changed = append(w.changed, aor) }})
	if w.flow, err = tr.Flow(transport.Target{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:9")}); err != nil {
		t.Fatal(err)
	}
	return w
}

// register binds a user's device.
func (w *world) register(user string, seq uint32) (rtc.AOR, *location.Binding) {
	w.t.Helper()
	aor := rtc.AOR("sip:" + user + "@qualify.test")
	b := location.Binding{URI: "sip:" + user + "@127.0.0.1:9", CallID: user, CSeq: seq, Expires: time.Now().Add(time.Hour), Flow: w.flow}
	done := make(chan error, 1)
	w.cfg.Location.Update(aor, func([]location.Binding) ([]location.Binding, error) { return []location.Binding{b}, nil },
		func(_ []location.Binding, err error) { done <- err })
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
	return aor, &b
}

// In a round each is asked once, evenly, and never more than so many at a time.
func TestARoundIsPaced(t *testing.T) {
	for every, most := range map[time.Duration]int{20 * time.Second: 5, time.Second: perTick} {
		w := newWorld(t, every)
		for i := range 1000 {
			w.register(fmt.Sprint(i), 1)
		}
		now := time.Now()
		for ticks := 1; len(w.asked) < 1000; ticks++ {
			before := len(w.asked)
			w.look(now)
			if n := len(w.asked) - before; n != most {
				t.Fatalf("every %s: %d are asked in tick %d, want %d", every, n, ticks, most)
			}
			now = now.Add(tick)
		}
		if w.look(now.Add(-time.Millisecond)); every > time.Second && len(w.asked) != 1000 {
			t.Errorf("the next round begins before %s are over", every)
		}
	}
}

// A device is silent when it has missed two, until it answers or registers.
func TestSilentAfterTwo(t *testing.T) {
	for name, comes := range map[string]func(w *world){
		"answers":   func(w *world) { w.asked[len(w.asked)-1](uac.Reply{Message: newAnswer(t)}) },
		"registers": func(w *world) { w.register("bob", 2) },
	} {
		w := newWorld(t, time.Minute)
		bob, b := w.register("bob", 1)
		now := time.Now()
		silence := func(after time.Duration, silent bool) {
			t.Helper()
			asked := len(w.asked)
			now = now.Add(after)
			if w.look(now); len(w.asked) != asked+1 {
				t.Fatalf("%s: asked %d times, want %d", name, len(w.asked), asked+1)
			}
			w.look(now.Add(tick)) // one at a time
			w.asked[asked](uac.Reply{Err: uac.ErrTimeout})
			if w.Silent(bob, b) != silent {
				t.Errorf("%s: after miss %d silent is %v", name, len(w.asked), !silent)
			}
		}
		silence(0, false)
		silence(soon+time.Second, true)
		w.look(now.Add(time.Minute)) // the next round asks it again
		comes(w)
		if w.Silent(bob, b) || w.Count() != 0 || !slices.Equal(w.changed, []rtc.AOR{bob, bob}) {
			t.Errorf("%s: silent %v, %d are; told of %q", name, w.Silent(bob, b), w.Count(), w.changed)
		}
	}
}

// What says nothing about the device does not count: it may not be reached, or there is
// too much to do. Who is no more is forgotten.
func TestOnlySilenceCounts(t *testing.T) {
	w := newWorld(t, time.Minute)
	bob, b := w.register("bob", 1)
	now := time.Now()
	for range 3 {
		w.look(now)
		w.asked[len(w.asked)-1](uac.Reply{Err: &rtc.Status{Code: 403}})
		now = now.Add(time.Minute)
	}
	if len(w.missed) != 0 {
		t.Error("what was not sent counts as missed")
	}
	w.look(now)
	w.asked[len(w.asked)-1](uac.Reply{Err: uac.ErrTimeout})
	if _, err := w.cfg.Location.Remove(t.Context(), bob, location.Deactivated, nil); err != nil {
		t.Fatal(err)
	}
	w.look(now.Add(time.Minute))
	if w.Silent(bob, b) || len(w.missed) != 0 {
		t.Error("somebody who is no more is remembered")
	}
}

func newAnswer(t *testing.T) *sip.Message {
	t.Helper()
	m := new(sip.Message)
	if err := m.Parse([]byte("SIP/2.0 405 Method Not Allowed\r\nCSeq: 1 OPTIONS\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return m
}
