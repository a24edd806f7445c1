package event

import (
	"math/rand/v2"
	"testing"
)

// Whatever comes earlier, later, or goes: the first is the one that is due first.
func TestDue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d due
	all := make([]*subscription, 50)
	for i := range all {
		all[i] = newSubscription()
	}
	for range 20_000 {
		s := all[r.IntN(len(all))]
		switch r.IntN(4) {
		case 0:
			d.remove(s)
		case 1:
			d.set(s, s.due+int64(r.IntN(100))) // a refresh
		default:
			d.set(s, int64(r.IntN(1000)))
		}
		var want *subscription
		for _, x := range all {
			if x.at >= 0 && (want == nil || x.due < want.due) {
				want = x
			}
		}
		if got := d.first(); (got == nil) != (want == nil) || got != nil && got.due != want.due {
			t.Fatalf("first is %+v, want %+v", got, want)
		}
		for i, x := range d {
			if int(x.at) != i || x.key > x.due {
				t.Fatalf("%d stands at %d, key %d, due %d", x.at, i, x.key, x.due)
			}
		}
	}
}

func TestDueOfRefreshMovesNothing(t *testing.T) {
	var d due
	a, b := newSubscription(), newSubscription()
	d.set(a, 10)
	d.set(b, 20)
	d.set(a, 30)
	if a.at != 0 {
		t.Error("it moved before its old time came")
	}
	if d.first() != b || a.at != 1 {
		t.Errorf("first is %+v", d.first())
	}
}
