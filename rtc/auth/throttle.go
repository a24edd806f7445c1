package auth

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound wrong credentials. Zero values take the defaults.
type Limits struct {
	Within     time.Duration // the period in which failures are counted, default 60 s
	PerUser    int           // failures of one user from one address, default 10
	PerAddress int           // failures from one address, default 100; then all its users are shut out
	PerTarget  int           // failures of one user from addresses where he has never been, default 20; then attempts from such addresses are slowed down
	Backoff    time.Duration // length of the first ban, default 60 s; it doubles with each further one
	MaxBackoff time.Duration // default 15 min
	Entries    int           // entries remembered in all, default 100000; the oldest are dropped first
	Known      int           // remembered devices that have proved their identity, default 131072
}

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&l.Within, time.Minute)
	set(&l.Backoff, time.Minute)
	set(&l.MaxBackoff, 15*time.Minute)
	if l.PerUser <= 0 {
		l.PerUser = 10
	}
	if l.PerAddress <= 0 {
		l.PerAddress = 100
	}
	if l.PerTarget <= 0 {
		l.PerTarget = 20
	}
	if l.Known <= 0 {
		l.Known = 1 << 17
	}
	if l.Entries <= 0 {
		l.Entries = 100_000
	}
	return l
}

// Ban is a back-off in force.
type Ban struct {
	Addr  netip.Addr
	User  string // "name@realm" as claimed, "" when all of Addr is banned
	Until time.Time
	Times int // consecutive bans
}

// throttle counts wrong credentials by user and address, by address, and by user over
// all addresses.
//
// Users behind one address do not suffer from one phone with a wrong password: the pair
// of user and address is banned long before the address is. A device that has proved
// its identity from the address before is exempt from that ban. Guesses from elsewhere
// cannot lock a user out: when there are many for one user, attempts from a place where
// he has never been wait a while each.
type throttle struct {
	limits Limits
	seed   maphash.Seed
	shards [16]throttleShard // by address
	users  [16]throttleShard // by user
	slowed atomic.Int64      // when the last slow-down of a user ends (Unix ns)
	known  *recall
}

// attempt is who tries to authenticate as which user.
type attempt struct {
	addr        netip.Addr // as returned by place
	port        uint16
	user, realm []byte
}

type throttleShard struct {
	live  atomic.Int64 // number of entries; 0 makes the common case cheap
	mu    sync.Mutex
	at    map[uint64]*failures
	ring  []uint64 // keys in order of insertion; once it is full, next is the oldest
	next  int
	limit int
}

type failures struct {
	addr  netip.Addr
	user  string
	count int
	since time.Time // when the count began
	last  time.Time // when the last attempt failed
	until time.Time // when the ban ends
	times int       // number of consecutive bans
	due   bool      // it has waited for a user who is slowed down
}

func newThrottle(limits Limits) *throttle {
	t := &throttle{limits: limits.withDefaults(), seed: maphash.MakeSeed()}
	t.known = newRecall(t.limits.Known)
	for i := range t.shards {
		for _, s := range [...]*throttleShard{&t.shards[i], &t.users[i]} {
			s.at = make(map[uint64]*failures)
			s.limit = max(2, t.limits.Entries/len(t.shards))
		}
	}
	return t
}

// address returns the key for all users at addr, and its shard.
func (t *throttle) address(addr netip.Addr) (uint64, *throttleShard) {
	where := addr.As16()
	key := maphash.Bytes(t.seed, where[:])
	return key, &t.shards[key%uint64(len(t.shards))]
}

// pair is the key for one user at an address; device adds the port.
func (t *throttle) pair(a *attempt) uint64   { return t.hash(a, true, false) }
func (t *throttle) device(a *attempt) uint64 { return t.hash(a, true, true) }

// target returns the key for a user at any address, and its shard. Names are the same
// in any case of letters, and without the domain that some phones append.
func (t *throttle) target(a *attempt) (uint64, *throttleShard) {
	key := t.hash(a, false, false)
	return key, &t.users[key%uint64(len(t.users))]
}

func (t *throttle) hash(a *attempt, addr, port bool) uint64 {
	var room [192]byte
	b := room[:0]
	if addr {
		where := a.addr.As16()
		b = append(b, where[:]...)
	}
	if port {
		b = append(b, byte(a.port>>8), byte(a.port))
	}
	for _, c := range a.user {
		if c == '@' {
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return maphash.Bytes(t.seed, append(append(b, '@'), a.realm...))
}

func day(now time.Time) uint8 { return uint8(now.Unix() / 86400) }

// knownWait is how long an attempt waits at a place where the user has been before.
const knownWait = 10 * time.Second

// blocked returns how long the attempt has to wait before it is verified. out reports a
// ban; otherwise the attempt only comes too early.
func (t *throttle) blocked(a *attempt, now time.Time) (wait time.Duration, out bool) {
	all, s := t.address(a.addr)
	slow := t.slowed.Load() > now.UnixNano()
	if s.live.Load() == 0 && !slow {
		return 0, false
	}
	one := t.pair(a)
	b, today := t.known.bucket(one), day(now)
	if b.has(t.device(a), today) {
		return 0, false
	}
	here := b.has(one, today)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.at[one]; f != nil {
		wait = f.until.Sub(now)
	}
	if here {
		return max(wait, 0), false
	}
	if f := s.at[all]; f != nil {
		wait = max(wait, f.until.Sub(now))
	}
	if wait > 0 {
		return wait, s.at[one] == nil || !s.at[one].due
	}
	if slow {
		return t.queue(s, one, a, now), false
	}
	return 0, false
}

// queue makes a place wait before its attempt for a slowed-down user is verified. The
// caller holds the lock of s.
func (t *throttle) queue(s *throttleShard, one uint64, a *attempt, now time.Time) time.Duration {
	delay := t.delay(a, now)
	f := s.at[one]
	if f == nil && delay > 0 {
		f = s.add(one, &failures{addr: a.addr, user: claimed(a.user, a.realm), since: now})
	}
	if delay == 0 || f.due {
		return 0
	}
	f.due, f.until = true, now.Add(delay)
	return delay
}

// delay returns how long attempts for a user wait that come from places where he has
// never been; 0 when they need not wait.
func (t *throttle) delay(a *attempt, now time.Time) time.Duration {
	key, u := t.target(a)
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.at[key]
	if f == nil || !f.until.After(now) {
		return 0
	}
	return t.limits.Backoff
}

// news is the consequence of a failure.
type news uint8

const (
	nothing news = iota
	first        // the first failure of a burst
	ban          // a user at an address, or an address, was banned
	slower       // attempts for the user are slowed down at places where he has never been
)

// failed counts wrong credentials.
func (t *throttle) failed(a *attempt, now time.Time) news {
	all, s := t.address(a.addr)
	one := t.pair(a)
	b, today := t.known.bucket(one), day(now)
	b.forget(t.device(a)) // the device has changed, or has an old password
	here := b.has(one, today)
	var delay time.Duration
	told := nothing
	begins := true
	if !here {
		told, begins = t.failedTarget(a, now)
		delay = t.delay(a, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.at[one]
	if f == nil {
		f = s.add(one, &failures{addr: a.addr, user: claimed(a.user, a.realm), since: now})
	}
	begins = begins && f.quiet(&t.limits, now)
	banned := f.fail(t.limits.PerUser, &t.limits, now)
	switch end := now.Add(delay); {
	case here && banned:
		f.until = now.Add(min(knownWait, f.until.Sub(now)))
	case delay > 0 && f.until.Before(end):
		f.until, f.due = end, true
	}
	banned = banned && f.times == 1 // further bans belong to the same burst
	if f = s.at[all]; f == nil {
		f = s.add(all, &failures{addr: a.addr, since: now})
	}
	begins = begins && f.quiet(&t.limits, now)
	whole := f.fail(t.limits.PerAddress, &t.limits, now) && f.times == 1
	switch {
	case told == slower, whole:
		return max(told, ban)
	case banned && delay == 0:
		return ban
	case begins:
		return first
	}
	return nothing
}

// failedTarget counts a failure for a user at a place where he has never been. begins
// reports that it is the first for a while.
func (t *throttle) failedTarget(a *attempt, now time.Time) (told news, begins bool) {
	key, u := t.target(a)
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.at[key]
	if f == nil {
		f = u.add(key, &failures{user: claimed(a.user, a.realm), since: now})
	}
	slow := f.until.After(now)
	begins = f.quiet(&t.limits, now)
	limits := t.limits
	limits.Backoff = t.limits.Within // each further failure prolongs the slow-down
	limits.MaxBackoff = t.limits.Within
	more := f.fail(t.limits.PerTarget, &limits, now)
	if slow {
		f.until = now.Add(t.limits.Within)
	}
	if slow || more {
		t.slowed.Store(max(t.slowed.Load(), f.until.UnixNano()))
	}
	if more && !slow {
		return slower, false
	}
	return nothing, begins
}

// claimed returns the name under which a pair is listed, with a bounded length.
func claimed(username, realm []byte) string {
	return string(username[:min(len(username), 64)]) + "@" + string(realm[:min(len(realm), 64)])
}

// quiet reports whether the last failure was so long ago that one now begins a new
// burst.
func (f *failures) quiet(l *Limits, now time.Time) bool {
	return now.Sub(f.last) >= l.Within && now.Sub(f.until) >= l.Within
}

func (f *failures) fail(limit int, l *Limits, now time.Time) (banned bool) {
	if now.Sub(f.since) >= l.Within {
		f.count, f.since = 0, now
	}
	if now.Sub(f.until) > l.MaxBackoff {
		f.times = 0 // no failures for long enough
	}
	f.count++
	f.last = now
	if f.count < limit {
		return false
	}
	pause := l.Backoff << min(f.times, 20)
	f.until = now.Add(min(pause, l.MaxBackoff))
	f.times++
	f.count, f.since = 0, f.until
	return true
}

func (s *throttleShard) add(key uint64, f *failures) *failures {
	if len(s.ring) < s.limit {
		s.ring = append(s.ring, key)
	} else {
		delete(s.at, s.ring[s.next])
		s.ring[s.next] = key
		s.next = (s.next + 1) % len(s.ring)
	}
	s.at[key] = f
	s.live.Store(int64(len(s.at)))
	return f
}

// succeeded forgets the failures of a pair and remembers the device.
func (t *throttle) succeeded(a *attempt, now time.Time) {
	one := t.remember(a, now)
	_, s := t.address(a.addr)
	if s.live.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.at[one]; f != nil {
		*f = failures{addr: f.addr, user: f.user}
	}
}

// remember marks the device as known and returns the key of its pair.
func (t *throttle) remember(a *attempt, now time.Time) (one uint64) {
	one = t.pair(a)
	b, today := t.known.bucket(one), day(now)
	b.add(one, today)
	b.add(t.device(a), today)
	return one
}

// bans returns the bans in force; the one that ends last comes first.
func (t *throttle) bans(now time.Time) []Ban {
	var all []Ban
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, f := range s.at {
			if f.until.After(now) {
				all = append(all, Ban{f.addr, f.user, f.until, f.times})
			}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Ban) int { return b.Until.Compare(a.Until) })
	return all
}

// forgive forgets the failures of a user at an address and those of the address as a
// whole; user "" means all its users. It returns the number of bans that this ended.
func (t *throttle) forgive(addr netip.Addr, user string, now time.Time) (ended int) {
	_, s := t.address(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.at {
		if f.addr != addr || user != "" && f.user != user && f.user != "" {
			continue
		}
		if f.until.After(now) {
			ended++
		}
		*f = failures{addr: f.addr, user: f.user}
	}
	return ended
}
