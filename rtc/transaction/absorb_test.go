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
		kept := func() (records, octets int) {
			ln := &w.l.lanes[0]
			ln.Do(func() { records, octets = ln.past.ring.Len(), ln.past.ring.Size() })
			return records, octets
		}
		if records, octets := kept(); records != 100 || w.l.Stats().Absorbing != 100 || octets == 0 {
			t.Fatalf("%d records in %d octets, %d counted", records, octets, w.l.Stats().Absorbing)
		}
		w.play(nil, 40*sec)
		if records, octets := kept(); records != 0 || w.l.Stats().Absorbing != 0 || octets != 0 {
			t.Errorf("%d records in %d octets, %d counted", records, octets, w.l.Stats().Absorbing)
		}
		come(udp(), "MESSAGE")(w)
		answer(200)(w)
		if records, _ := kept(); records != 1 {
			t.Fatalf("%d records of one", records)
		}
		w.play(nil, 80*sec)
		if records, octets := kept(); records != 0 || octets != 0 {
			t.Errorf("the second time: %d records in %d octets", records, octets)
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
