package directory

import (
	"hash/maphash"
	"sync/atomic"

	"tandem/rtc"
)

// shardCount balances the cost of a change, which copies one shard, against
// memory: 100,000 users make shards of a few hundred entries.
const shardCount = 256

// accounts are all users by their addresses, packed: 300,000 have to fit, and the
// collector finds no pointers in them. Those in use are unpacked. Reading takes no
// lock. A change replaces one shard by a changed copy; changes must not run at the
// same time.
type accounts struct {
	domain string // the default one, which is left out
	spare  byte   // hashes that are left out, as flags of packed secrets
	seed   maphash.Seed
	shards [shardCount]atomic.Pointer[shard]
}

// shard is the users of one shard. A record is its number.
type shard struct {
	domain  string
	spare   byte
	packed  []byte
	ends    []uint32                             // of the records in packed
	secrets []uint32                             // how many there are up to the end of each record
	seen    []seen                               // by secret
	slots   []uint32                             // see slot
	words                                        // what Search looks through
	recent  [recentCount]atomic.Pointer[Account] // by record
}

// recentCount is how many accounts of a shard stay unpacked: between the two requests
// of a REGISTER some thousand users come.
const recentCount = 16

// A slot of the table of hashes is 0, or a record's number from 1 and a part of the
// hash above it.
const (
	numberBits = 20
	numberMask = 1<<numberBits - 1
)

func slot(hash uint64, record int) uint32 {
	return uint32(hash>>(64-32+numberBits))<<numberBits | uint32(record+1)
}

func (x *accounts) init(domain string) {
	x.domain, x.seed = domain, maphash.MakeSeed()
	x.clear()
}

// clear is for when no account is there yet.
func (x *accounts) clear() {
	for i := range x.shards {
		x.shards[i].Store(&shard{domain: x.domain, spare: x.spare})
	}
}

// get finds the account of an address, nil when there is none.
func (x *accounts) get(aor []byte) *Account {
	hash := maphash.Bytes(x.seed, aor)
	s := x.shards[hash%shardCount].Load()
	i := s.find(hash, aor)
	if i < 0 {
		return nil
	}
	return s.account(i)
}

func (x *accounts) getString(aor string) *Account {
	var store [96]byte
	return x.get(append(store[:0], aor...))
}

func (x *accounts) hash(aor rtc.AOR) uint64 { return maphash.String(x.seed, string(aor)) }

// put adds accounts, or puts them in place of those of the same users.
func (x *accounts) put(accounts ...*Account) {
	var byShard [shardCount][]*Account
	for _, a := range accounts {
		i := x.hash(a.AOR) % shardCount
		byShard[i] = append(byShard[i], a)
	}
	for i, list := range byShard {
		if len(list) > 0 {
			p := &x.shards[i]
			p.Store(p.Load().with(x.seed, list))
		}
	}
}

func (x *accounts) remove(aor rtc.AOR) {
	p := &x.shards[x.hash(aor)%shardCount]
	p.Store(p.Load().with(x.seed, nil, aor))
}

func (x *accounts) count() (n int) {
	for i := range x.shards {
		n += len(x.shards[i].Load().ends)
	}
	return n
}

// find is the record of an address, -1 when there is none.
func (s *shard) find(hash uint64, aor []byte) int {
	if len(s.slots) == 0 {
		return -1
	}
	want := slot(hash, 0) &^ numberMask
	for at := int(hash/shardCount) % len(s.slots); ; at++ {
		if at == len(s.slots) {
			at = 0
		}
		held := s.slots[at]
		if held == 0 {
			return -1
		}
		if i := int(held&numberMask) - 1; held&^numberMask == want && s.record(i).is(aor, s.domain) {
			return i
		}
	}
}

func (s *shard) record(i int) packed { return packed(s.packed[before(s.ends, i):s.ends[i]]) }

// before is where the ith of those begins whose ends are known.
func before(ends []uint32, i int) uint32 {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// account unpacks a record, unless it was lately.
func (s *shard) account(i int) *Account {
	p := &s.recent[i%recentCount]
	if a := p.Load(); a != nil && a.record == i {
		return a
	}
	a := s.record(i).account(s.domain, s.seenOf(i))
	a.record = i
	p.Store(a)
	return a
}

// settle forgets the unpacked accounts.
func (x *accounts) settle() {
	for i := range x.shards {
		s := x.shards[i].Load()
		for k := range s.recent {
			s.recent[k].Store(nil)
		}
	}
}

// user is account without the secrets.
func (s *shard) user(i int) User {
	p := s.record(i)
	return p.user(s.domain)
}

// seenOf are those of the secrets of a record.
func (s *shard) seenOf(i int) []seen { return s.seen[before(s.secrets, i):s.secrets[i]] }

// with is a copy with accounts in place of those of the same users, and without those
// who are gone. A secret that is used in this very moment may lose that; the next use is
// noted.
func (s *shard) with(seed maphash.Seed, accounts []*Account, gone ...rtc.AOR) *shard {
	left := make(map[int]bool)
	for _, a := range accounts {
		gone = append(gone, a.AOR)
	}
	for _, aor := range gone {
		left[s.find(maphash.String(seed, string(aor)), []byte(aor))] = true
	}
	next := &shard{domain: s.domain, spare: s.spare}
	for i := range s.ends {
		if !left[i] {
			next.packed = append(next.packed, s.record(i)...)
			next.text = append(next.text, s.entry(i)...)
			list := s.seenOf(i)
			for k := range list {
				next.keepSeen(&list[k])
			}
			next.end()
		}
	}
	for _, a := range accounts {
		next.packed = appendAccount(next.packed, a, s.domain, s.spare)
		next.text = appendEntry(next.text, &a.User, s.domain)
		for _, secret := range a.Secrets {
			next.keepSeen(secret.seen)
		}
		next.end()
	}
	next.clip()
	next.order()
	next.hash(seed)
	return next
}

func (s *shard) keepSeen(from *seen) {
	s.seen = append(s.seen, seen{})
	to := &s.seen[len(s.seen)-1]
	to.used.Store(from.used.Load())
	to.kept.Store(from.kept.Load())
}

// end ends a record.
func (s *shard) end() {
	s.ends = append(s.ends, uint32(len(s.packed)))
	s.secrets = append(s.secrets, uint32(len(s.seen)))
	s.words.ends = append(s.words.ends, uint32(len(s.text)))
}

// clip leaves no reserve: a shard may stay as it is for ever.
func (s *shard) clip() {
	s.packed, s.ends, s.secrets, s.seen = exact(s.packed), exact(s.ends), exact(s.secrets), exact(s.seen)
	s.text, s.words.ends = exact(s.text), exact(s.words.ends)
}

func exact[T any](list []T) []T { return append(make([]T, 0, len(list)), list...) }

// hash fills the table of hashes, two thirds of it.
func (s *shard) hash(seed maphash.Seed) {
	s.slots = make([]uint32, len(s.ends)+len(s.ends)/2+1)
	for i := range s.ends {
		hash := maphash.String(seed, string(s.record(i).aor(s.domain)))
		at := int(hash/shardCount) % len(s.slots)
		for s.slots[at] != 0 {
			at = (at + 1) % len(s.slots)
		}
		s.slots[at] = slot(hash, i)
	}
}
