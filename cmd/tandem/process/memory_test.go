package process

import "testing"

func TestRoomOfTheHeap(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, stays, room uint64 }{
		{4, 4, 24},     // small: sevenfold
		{60, 4, 92},    // traffic with few users
		{200, 10, 190}, // much of it: twofold
		{100, 95, 24},  // 100,000 users with a binding each, idle
		{160, 100, 60}, // and with traffic
		{500, 500, 24}, // many of them
		{100, 500, 24}, // an estimate above what there is
		{10, 500, 60},  //
		{200, 96, 104}, //
		{120, 60, 60},  //
	} {
		want := int(c.room * 100 / c.live)
		if got := percentFor(c.live*mib, c.stays*mib); got != want {
			t.Errorf("%d MiB of which %d stay: %d %%, want %d %%", c.live, c.stays, got, want)
		}
	}
	if percentFor(0, 0) != gcPercent {
		t.Error("before the first collection")
	}
}
