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
	Backoff    time.Duration // first time shut out, default 60 s; doubles each time it happens again
	MaxBackoff time.Duration // default 15 min
	Entries    int           // remembered in all, default 100000; the oldest go first
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

// throttle counts wrong credentials by (address, claimed user) and by address.
// Users of one office that share an address do not pay for one phone's wrong
// password: its pair is shut out long before the address is.
type throttle struct {
	limits Limits
	seed   maphash.Seed
	shards [16]throttleShard // by address
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
	until time.Time // shut out until
	times int       // shut out how often
}

func newThrottle(limits Limits) *throttle {
	t := &throttle{limits: limits.withDefaults(), seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].at = make(map[uint64]*failures)
		t.shards[i].limit = max(2, t.limits.Entries/len(t.shards))
	}
	return t
}

// address returns the key of all users at addr and where it is kept.
func (t *throttle) address(addr netip.Addr) (uint64, *throttleShard) {
	where := addr.As16()
	key := maphash.Bytes(t.seed, where[:])
	return key, &t.shards[key%uint64(len(t.shards))]
}

// pair is the key of one user at addr.
func (t *throttle) pair(addr netip.Addr, username, realm []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	where := addr.As16()
	h.Write(where[:])
	h.Write(username)
	h.WriteByte('@')
	h.Write(realm)
	return h.Sum64()
}

// blocked is how long the pair, or all of the address, is still shut out.
func (t *throttle) blocked(addr netip.Addr, username, realm []byte, now time.Time) time.Duration {
	all, s := t.address(addr)
	if s.live.Load() == 0 {
		return 0
	}
	one := t.pair(addr, username, realm)
	s.mu.Lock()
	defer s.mu.Unlock()
	var left time.Duration
	for _, key := range [...]uint64{one, all} {
		if f := s.at[key]; f != nil {
			left = max(left, f.until.Sub(now))
		}
	}
	return left
}

// failed counts wrong credentials. It reports whether they brought a ban about.
func (t *throttle) failed(addr netip.Addr, username, realm []byte, now time.Time) (banned bool) {
	all, s := t.address(addr)
	one := t.pair(addr, username, realm)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.at[one]
	if f == nil {
		f = s.add(one, &failures{addr: addr, user: claimed(username, realm), since: now})
	}
	banned = f.fail(t.limits.PerUser, &t.limits, now)
	if f = s.at[all]; f == nil {
		f = s.add(all, &failures{addr: addr, since: now})
	}
	return f.fail(t.limits.PerAddress, &t.limits, now) || banned
}

// claimed is the name under which a pair is shown, bounded.
func claimed(username, realm []byte) string {
	return string(username[:min(len(username), 64)]) + "@" + string(realm[:min(len(realm), 64)])
}

func (f *failures) fail(limit int, l *Limits, now time.Time) (banned bool) {
	if now.Sub(f.since) >= l.Within {
		f.count, f.since = 0, now
	}
	if now.Sub(f.until) > l.MaxBackoff {
		f.times = 0 // behaved since
	}
	f.count++
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

// succeeded forgets the failures of a pair.
func (t *throttle) succeeded(addr netip.Addr, username, realm []byte) {
	_, s := t.address(addr)
	if s.live.Load() == 0 {
		return
	}
	one := t.pair(addr, username, realm)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.at[one]; f != nil {
		*f = failures{addr: f.addr, user: f.user}
	}
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
