package transaction

import (
	"fmt"
	"testing"
)

// A lane to which nothing comes any more forgets all, and holds no memory.
func TestAbsorberEmpties(t *testing.T) {
	in(t, Config{Lanes: 1}, func(t *testing.T, w *world) {
		for i := range 100 {
			come(udp(), "MESSAGE", fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKm%d;rport", i))(w)
			answer(200)(w)
		}
		past := &w.l.lanes[0].past
		if n := w.l.Stats().Absorbing; n != 100 || past.ring.Len() != 100 || past.ring.Size() == 0 {
			t.Fatalf("%d records counted, %d kept in %d octets", n, past.ring.Len(), past.ring.Size())
		}
		w.play(nil, 40*sec)
		if n := w.l.Stats().Absorbing; n != 0 || past.ring.Len() != 0 || past.ring.Size() != 0 {
			t.Errorf("%d records counted, %d kept in %d octets", n, past.ring.Len(), past.ring.Size())
		}
		come(udp(), "MESSAGE")(w)
		answer(200)(w)
		w.play(nil, 80*sec)
		if n := past.ring.Len() + past.ring.Size(); n != 0 {
			t.Error("the second time nothing is forgotten")
		}
	})
}

func TestAbsorberEvictsTheOldest(t *testing.T) {
	in(t, Config{Lanes: 1, AbsorbBytes: 3000}, func(t *testing.T, w *world) {
		msg := func(i int) {
			come(udp(), "MESSAGE", fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKm%d;rport", i))(w)
		}
		for i := range 20 {
			msg(i)
			answer(200)(w)
		}
		kept := w.l.Stats().Absorbing
		if kept < 5 || kept > 15 {
			t.Fatalf("%d responses in 3000 octets", kept)
		}
		w.log = nil
		msg(19)
		msg(20 - kept)
		msg(19 - kept)
		w.want("0s > 200", "0s > 200", "0s < MESSAGE")
	})
}
