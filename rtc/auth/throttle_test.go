package auth

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var (
	office = netip.MustParseAddr("192.0.2.1")
	home   = netip.MustParseAddr("198.51.100.1")
)

func failTimes(th *throttle, n int, addr netip.Addr, user string, now time.Time) (bans int) {
	for range n {
		if th.failed(addr, []byte(user), []byte("example.com"), now) {
			bans++
		}
	}
	return bans
}

func left(th *throttle, addr netip.Addr, user string, now time.Time) time.Duration {
	return th.blocked(addr, []byte(user), []byte("example.com"), now)
}

func TestThrottlePairNotOffice(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	if failTimes(th, 9, office, "alice", now) != 0 || left(th, office, "alice", now) != 0 {
		t.Fatal("shut out too early")
	}
	if failTimes(th, 1, office, "alice", now) != 1 || left(th, office, "alice", now) != time.Minute {
		t.Fatal("not shut out after ten")
	}
	if left(th, office, "bob", now) != 0 {
		t.Error("bob pays for alice's phone")
	}
	if left(th, home, "alice", now) != 0 {
		t.Error("alice pays at home")
	}
	if left(th, office, "alice", now.Add(time.Minute)) > 0 {
		t.Error("still shut out after the back-off")
	}
}

func TestThrottleCountsWithinAMinute(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	for i := range 30 { // one every ten seconds
		if failTimes(th, 1, office, "alice", now.Add(time.Duration(i)*10*time.Second)) != 0 {
			t.Fatal("slow failures shut out")
		}
	}
}

func TestThrottleSuccessResets(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	for range 5 {
		failTimes(th, 9, office, "alice", now)
		th.succeeded(office, []byte("alice"), []byte("example.com"))
	}
	if left(th, office, "alice", now) != 0 {
		t.Error("shut out in spite of successes")
	}
}

func TestThrottleBackoffGrowsAndForgets(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	for _, want := range []time.Duration{1, 2, 4, 8, 15, 15} {
		failTimes(th, 10, office, "alice", now)
		got := left(th, office, "alice", now)
		if got != want*time.Minute {
			t.Errorf("back-off %v, want %v min", got, int(want))
		}
		now = now.Add(got)
	}
	now = now.Add(time.Hour)
	failTimes(th, 10, office, "alice", now)
	if got := left(th, office, "alice", now); got != time.Minute {
		t.Errorf("back-off %v after an hour of peace", got)
	}
}

func TestThrottleScannerIsShutOut(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	for i := range 100 {
		failTimes(th, 1, office, fmt.Sprint(i), now)
	}
	if left(th, office, "1000", now) == 0 {
		t.Error("a hundred names were guessed from one address and it goes on")
	}
	bans := th.bans(now)
	if len(bans) != 1 || bans[0].Addr != office || bans[0].User != "" || bans[0].Times != 1 {
		t.Errorf("%+v", bans)
	}
	if n := th.forgive(office, "", now); n != 1 || left(th, office, "1000", now) != 0 {
		t.Errorf("%d forgiven", n)
	}
}

func TestThrottleForgivesOneUser(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	failTimes(th, 10, office, "alice", now)
	failTimes(th, 10, office, "bob", now)
	if n := th.forgive(office, "alice@example.com", now); n != 1 {
		t.Errorf("%d forgiven", n)
	}
	if left(th, office, "alice", now) != 0 || left(th, office, "bob", now) == 0 {
		t.Error("the wrong one was forgiven")
	}
	if bans := th.bans(now); len(bans) != 1 || bans[0].User != "bob@example.com" {
		t.Errorf("%+v", bans)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	th, now := newThrottle(Limits{Entries: 160}), time.Unix(1_700_000_000, 0)
	for i := range 10_000 {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		failTimes(th, 1, addr, fmt.Sprint(i), now)
	}
	n := 0
	for i := range th.shards {
		n += len(th.shards[i].at)
	}
	if n > 160 {
		t.Errorf("%d entries", n)
	}
}
