package jitter

import (
	"testing"
	"time"
)

// TestBridges loses packets and looks at when the buffer says that what follows is
// there: at once where two steps are missing at most, and the delay to keep then
// has room for it.
func TestBridges(t *testing.T) {
	for _, bridges := range []bool{false, true} {
		b := New(Config{Clock: 8000, Bridges: bridges})
		put := func(n int) {
			b.Put(Packet{Seq: uint16(n), Time: uint32(n * span), Span: span, Payload: []byte{byte(n)}}, time.Duration(n)*20*ms)
		}
		for _, n := range []int{0, 1, 4, 5} {
			put(n)
		}
		now := 100 * ms
		for n := range 2 {
			if i := b.Get(now, span); i.Verdict != Audio || i.Payload[0] != byte(n) {
				t.Fatalf("%+v, want packet %d", i, n)
			}
		}
		i := b.Get(now, span)
		if !bridges {
			if i.Verdict != Lost || i.Span != span || i.Last {
				t.Errorf("%+v, want a step of loss and another to come", i)
			}
			i = b.Get(now+20*ms, span)
		} else if i.Span != 2*span {
			t.Errorf("%+v, want the loss in one piece", i)
		}
		if i.Verdict != Lost || !i.Last {
			t.Errorf("%+v, want the last of the loss", i)
		}
		if i = b.Get(now+40*ms, span); i.Verdict != Audio || i.Payload[0] != 4 {
			t.Errorf("%+v, want packet 4", i)
		}
		if target := b.Stats(now).Target; (target >= 25*ms) != bridges {
			t.Errorf("the delay to keep is %v", target)
		}
		if got := b.Stats(now).Concealed; got != 40*ms {
			t.Errorf("%v concealed", got)
		}
	}
}
