package auth

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of wrong credentials. Zero values take the defaults.
type Limits struct {
	Within     time.Duration // failures are counted over, default 60 s
	PerUser    int           // failures of one user from one address, default 10
	PerAddress int           // failures from one address, default 100; shuts out all its users
	PerTarget  int           // failures of one user from addresses he was never at, default 20; slows those down
	Backoff    time.Duration // first time shut out, default 60 s; doubles each time it happens again
	MaxBackoff time.Duration // default 15 min
	Entries    int           // remembered in all, default 100000; the oldest go first
	Known      int           // devices that have proved who they are remembered, default 131072
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
	User  string // "name@realm" as claimed, "" when it is all of Addr
	Until time.Time
	Times int // how often in a row
}

// throttle counts wrong credentials by user and address, by address, and by user
// wherever they come from.
//
// Users of one office that share an address do not pay for one phone's wrong
// password: its pair is shut out long before the address is. Who has proved to be
// the user from an address before is not shut out with it, and guesses from
// elsewhere cannot lock a user out: when many come for one user, a place he was
// never at waits a while before each attempt.
type throttle struct {
	limits Limits
	seed   maphash.Seed
	shards [16]throttleShard // by address
	users  [16]throttleShard // by user
	slowed atomic.Int64      // when the last slow-down of a user ends (Unix ns)
	known  *recall
}

// attempt is who tries to prove to be whom.
type attempt struct {
	addr        netip.Addr // as place has it
	port        uint16
	user, realm []byte
}

type throttleShard struct {
	live  atomic.Int64 // entries; 0 makes the common case cheap
	mu    sync.Mutex
	at    map[uint64]*failures
	ring  []uint64 // keys in order of their making, oldest at next once full
	next  int
	limit int
}

type failures struct {
	addr  netip.Addr
	user  string
	count int
	since time.Time // the count began
	last  time.Time // one failed
	until time.Time // shut out until
	times int       // shut out how often
	due   bool      // has waited for a user who is slowed down
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

// address returns the key of all users at addr and where it is kept.
func (t *throttle) address(addr netip.Addr) (uint64, *throttleShard) {
	where := addr.As16()
	key := maphash.Bytes(t.seed, where[:])
	return key, &t.shards[key%uint64(len(t.shards))]
}

// pair is the key of one user at an address, device that of one with its port.
func (t *throttle) pair(a *attempt) uint64   { return t.hash(a, true, false) }
func (t *throttle) device(a *attempt) uint64 { return t.hash(a, true, true) }

// target is the key of a user wherever he is, and where it is kept. A name is
// one in any case of letters, and without the domain that some phones add to it.
func (t *throttle) target(a *attempt) (uint64, *throttleShard) {
	key := t.hash(a, false, false)
	return key, &t.users[key%uint64(len(t.users))]
}

func (t *throttle) hash(a *attempt, addr, port bool) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	if addr {
		where := a.addr.As16()
		h.Write(where[:])
	}
	if port {
		h.WriteByte(byte(a.port >> 8))
		h.WriteByte(byte(a.port))
	}
	for _, c := range a.user {
		if c == '@' {
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h.WriteByte(c)
	}
	h.WriteByte('@')
	h.Write(a.realm)
	return h.Sum64()
}

func day(now time.Time) uint8 { return uint8(now.Unix() / 86400) }

// knownWait is how long a place waits where the user was before.
const knownWait = 10 * time.Second

// blocked is how long the attempt has to wait until it is looked at. out: it is
// shut out; otherwise it only comes too soon.
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

// queue makes a place wait before its attempt for a user who is slowed down is
// looked at; s is locked.
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

// delay is how long attempts for a user wait that come from places he was never
// at, 0 when they need not.
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

// news is what a failure brought about.
type news uint8

const (
	nothing news = iota
	first        // of a burst
	ban          // of a user at an address, or of the address
	slower       // attempts for the user from places he was never at
)

// failed counts wrong credentials.
func (t *throttle) failed(a *attempt, now time.Time) news {
	all, s := t.address(a.addr)
	one := t.pair(a)
	b, today := t.known.bucket(one), day(now)
	b.forget(t.device(a)) // it is not that device any more, or has an old password
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
	banned = banned && f.times == 1 // those that follow are the same burst
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

// failedTarget counts a failure for a user from where he never was. begins: it is
// the first for a while.
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
	limits.Backoff = t.limits.Within // and each further failure makes it last
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

// claimed is the name under which a pair is shown, bounded.
func claimed(username, realm []byte) string {
	return string(username[:min(len(username), 64)]) + "@" + string(realm[:min(len(realm), 64)])
}

// quiet reports whether no failure came for a while that could have: one now
// begins another burst.
func (f *failures) quiet(l *Limits, now time.Time) bool {
	return now.Sub(f.last) >= l.Within && now.Sub(f.until) >= l.Within
}

func (f *failures) fail(limit int, l *Limits, now time.Time) (banned bool) {
	if now.Sub(f.since) >= l.Within {
		f.count, f.since = 0, now
	}
	if now.Sub(f.until) > l.MaxBackoff {
		f.times = 0 // behaved since
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

// succeeded forgets the failures of a pair, and knows the device from now on.
func (t *throttle) succeeded(a *attempt, now time.Time) {
	t.remember(a, now)
	one := t.pair(a)
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

// remember knows the device from now on.
func (t *throttle) remember(a *attempt, now time.Time) {
	one := t.pair(a)
	b, today := t.known.bucket(one), day(now)
	b.add(one, today)
	b.add(t.device(a), today)
}

// bans in force, the one that ends last first.
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

// forgive forgets the failures of a user at an address and those of the
// address as a whole; user "" means all its users. It returns how many bans
// that ended.
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
