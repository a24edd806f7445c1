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
		if th.failed(at(addr, user), now) == ban {
			bans++
		}
	}
	return bans
}

func left(th *throttle, addr netip.Addr, user string, now time.Time) time.Duration {
	wait, _ := th.blocked(at(addr, user), now)
	return wait
}

func at(addr netip.Addr, user string) *attempt {
	return &attempt{addr: addr, port: 5060, user: []byte(user), realm: []byte("example.com")}
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
		th.succeeded(at(office, "alice"), now)
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

// Guesses for one user are slowed down wherever they come from. The user is not locked
// out where he has been before, and elsewhere only has to wait.
func TestThrottleGuessesFromEverywhere(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	th.succeeded(at(home, "alice"), now)
	looked, told := 0, 0
	for i := range 6000 { // ten times from each of 600 addresses, in a minute
		a := at(netip.AddrFrom4([4]byte{203, 0, byte(i % 600 / 250), byte(i % 250)}), []string{"alice", "Alice", "alice@example.com"}[i%3])
		now = now.Add(10 * time.Millisecond)
		if wait, out := th.blocked(a, now); wait > 0 || out {
			continue
		}
		looked++
		if th.failed(a, now) != nothing {
			told++
		}
	}
	if looked > 200 {
		t.Errorf("%d of 6000 guesses were looked at", looked)
	}
	if told != 2 { // that it began, and that it is slowed down
		t.Errorf("told of %d times", told)
	}
	if left(th, home, "alice", now) != 0 {
		t.Error("alice is locked out at home")
	}
	moved := at(home, "alice")
	moved.port++
	if wait, _ := th.blocked(moved, now); wait != 0 {
		t.Error("alice is locked out at home by another connection")
	}
	wait, out := th.blocked(at(office, "alice"), now)
	if out || wait <= 0 || wait > time.Minute {
		t.Errorf("at a new place alice waits %v, out %v", wait, out)
	}
	if again, _ := th.blocked(at(office, "alice"), now.Add(wait)); again != 0 {
		t.Errorf("and then %v more", again)
	}
	if left(th, office, "bob", now) != 0 {
		t.Error("bob waits for alice")
	}
	now = now.Add(5 * time.Minute)
	if wait, _ := th.blocked(at(netip.MustParseAddr("198.51.100.9"), "alice"), now); wait != 0 {
		t.Errorf("after the burst a new place waits %v", wait)
	}
}

// Guesses from behind a NAT, for any user, do not lock out the phones behind it that
// have proved their identity.
func TestThrottleNeighbourGuesses(t *testing.T) {
	th, now := newThrottle(Limits{}), time.Unix(1_700_000_000, 0)
	th.succeeded(at(office, "alice"), now)
	guess := func(user string) {
		a := at(office, user)
		a.port = 40000
		if wait, _ := th.blocked(a, now); wait == 0 {
			th.failed(a, now)
		}
	}
	for i := range 300 {
		now = now.Add(100 * time.Millisecond)
		guess("alice")
		guess(fmt.Sprint(i))
	}
	if left(th, office, "alice", now) != 0 {
		t.Error("alice's phone is locked out")
	}
	again := at(office, "alice") // it has a new connection
	again.port = 50000
	if wait, out := th.blocked(again, now); out || wait > knownWait {
		t.Errorf("it waits %v after it connected anew, out %v", wait, out)
	}
	if left(th, office, "carol", now) == 0 {
		t.Error("names are guessed there and it goes on")
	}
	// A device that begins to give wrong passwords is no longer known.
	for range 10 {
		th.failed(at(office, "alice"), now)
	}
	if left(th, office, "alice", now) == 0 {
		t.Error("a device guesses on because it once was right")
	}
}

func TestRecall(t *testing.T) {
	r := newRecall(4)
	b := r.bucket(1 << 32)
	for i := range uint64(8) {
		b.add((i+1)<<8, uint8(i))
	}
	if !b.has(1<<8, 7) || b.has(9<<8, 7) {
		t.Error("what was added is not there, or more is")
	}
	b.add(9<<8, 8)
	if b.has(1<<8, 8) || !b.has(2<<8, 8) || !b.has(9<<8, 8) {
		t.Error("the oldest does not give way")
	}
	if b.has(9<<8, 8+recallDays+1) {
		t.Error("remembered for too long")
	}
	b.add(9<<8, 39)
	if !b.has(9<<8, 39) {
		t.Error("not renewed")
	}
	b.forget(9 << 8)
	if b.has(9<<8, 39) {
		t.Error("not forgotten")
	}
}
