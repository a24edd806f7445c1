package process

import "testing"

func TestRoomOfTheHeap(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, stays, perSecond, room uint64 }{
		{4, 4, 0, 24},      // small: sevenfold
		{60, 4, 90, 92},    // traffic with few users
		{200, 10, 90, 190}, // much of it: twofold
		{100, 95, 0, 24},   // 100,000 users with a binding each, idle
		{160, 100, 31, 60}, // and with traffic
		{500, 500, 0, 24},  // many of them
		{100, 500, 0, 24},  // an estimate above what there is
		{10, 500, 0, 60},
		{200, 96, 0, 104},
		{120, 60, 0, 60},
		{60, 20, 170, 160},  // a burst: what it allocates in a second
		{60, 20, 1000, 256}, // and no more than that
		{20, 4, 1000, 120},  // sevenfold, again
	} {
		want := int(c.room * 100 / c.live)
		if got := percentFor(c.live*mib, c.stays*mib, c.perSecond*mib); got != want {
			t.Errorf("%d MiB of which %d stay, %d a second: %d %%, want %d %%", c.live, c.stays, c.perSecond, got, want)
		}
	}
	if percentFor(0, 0, 0) != gcPercent {
		t.Error("before the first collection")
	}
}
