package parking

import "testing"

func TestLot(t *testing.T) {
	var p Lot[string]
	for _, c := range []struct{ slot, want int }{{0, 1}, {3, 3}, {0, 2}, {0, 4}, {3, 0}, {Slots, Slots}, {Slots + 1, 0}} {
		if got := p.Put(c.slot, "call"); got != c.want {
			t.Errorf("slot %d: put into %d, want %d", c.slot, got, c.want)
		}
	}
	if got := p.At(7); got != "" {
		t.Errorf("%q waits in an empty slot", got)
	}
	p.Free(3, "another")
	if p.At(3) != "call" {
		t.Error("another call has freed the slot")
	}
	p.Free(3, "call")
	if p.At(3) != "" {
		t.Error("the slot is not free")
	}
	for range Slots - 4 {
		p.Put(0, "call")
	}
	if got := p.Put(0, "call"); got != 0 {
		t.Errorf("a full lot has slot %d", got)
	}
}
