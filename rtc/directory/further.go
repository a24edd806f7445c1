package directory

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync/atomic"

	"tandem/rtc"
)

// further is whose a further address is, or an extension: most users have a number, which
// is two addresses, and an extension. They are packed as accounts are. Reading takes no
// lock. A change replaces one shard by a changed copy; changes must not run at the same
// time.
type further struct {
	domain string // the default one, which is left out
	seed   maphash.Seed
	shards [shardCount]atomic.Pointer[furtherShard]
}

// furtherShard is the addresses of one shard. An entry is flags, the address behind its
// length, and the owner.
type furtherShard struct {
	text  []byte
	ends  []uint32 // of the entries in text
	slots []uint32 // see slot
}

// What the first octet of an entry says ends with the default domain.
const (
	furtherDomain = 1 << iota
	ownerDomain
)

func (x *further) init(domain string) {
	x.domain, x.seed = domain, maphash.MakeSeed()
	for i := range x.shards {
		x.shards[i].Store(new(furtherShard))
	}
}

func (x *further) shardOf(address string) int {
	return int(maphash.String(x.seed, address) % shardCount)
}

// owner appends the owner of an address to dst.
func (x *further) owner(dst, address []byte) (_ []byte, ok bool) {
	hash := maphash.Bytes(x.seed, address)
	s := x.shards[hash%shardCount].Load()
	if len(s.slots) == 0 {
		return dst, false
	}
	want := slot(hash, 0) &^ numberMask
	for at := int(hash/shardCount) % len(s.slots); s.slots[at] != 0; at = (at + 1) % len(s.slots) {
		held := s.slots[at]
		if held&^numberMask != want {
			continue
		}
		if flags, held, owner := s.entry(int(held&numberMask) - 1); x.spells(held, flags, address) {
			if dst = append(dst, owner...); flags&ownerDomain != 0 {
				dst = append(append(dst, '@'), x.domain...)
			}
			return dst, true
		}
	}
	return dst, false
}

// entry is the parts of one.
func (s *furtherShard) entry(i int) (flags byte, address, owner []byte) {
	p := packed(s.text[before(s.ends, i):s.ends[i]])
	flags, address = p.octet(), p.text()
	return flags, address, p
}

// spells reports whether what an entry holds is an address.
func (x *further) spells(held []byte, flags byte, address []byte) bool {
	if flags&furtherDomain == 0 {
		return string(held) == string(address)
	}
	n := len(held)
	return len(address) == n+1+len(x.domain) && string(address[:n]) == string(held) && address[n] == '@' && string(address[n+1:]) == x.domain
}

// append adds an entry to a shard that is being made.
func (x *further) append(s *furtherShard, address string, owner rtc.AOR) {
	flags := byte(0)
	held, local := strings.CutSuffix(address, "@"+x.domain)
	if local {
		flags |= furtherDomain
	}
	whose, local := strings.CutSuffix(string(owner), "@"+x.domain)
	if local {
		flags |= ownerDomain
	}
	s.text = append(s.text, flags)
	s.text = append(binary.AppendUvarint(s.text, uint64(len(held))), held...)
	s.text = append(s.text, whose...)
	s.ends = append(s.ends, uint32(len(s.text)))
}

// address appends that of an entry.
func (x *further) address(dst []byte, s *furtherShard, i int) []byte {
	flags, held, _ := s.entry(i)
	if dst = append(dst, held...); flags&furtherDomain != 0 {
		dst = append(append(dst, '@'), x.domain...)
	}
	return dst
}

// publish shows a shard. Of entries of the same address the last one holds.
func (x *further) publish(number int, s *furtherShard) {
	next := &furtherShard{text: exact(s.text), ends: exact(s.ends), slots: make([]uint32, len(s.ends)+len(s.ends)/2+1)}
	var room [192]byte
	for i := range next.ends {
		address := x.address(room[:0], next, i)
		hash := maphash.Bytes(x.seed, address)
		at := int(hash/shardCount) % len(next.slots)
		for next.slots[at] != 0 {
			flags, held, _ := next.entry(int(next.slots[at]&numberMask) - 1)
			if x.spells(held, flags, address) {
				break
			}
			at = (at + 1) % len(next.slots)
		}
		next.slots[at] = slot(hash, i)
	}
	x.shards[number].Store(next)
}

// change gives addresses to owners, and those to nobody whose owner is "". Each shard is
// copied once.
func (x *further) change(owners map[string]rtc.AOR) {
	var touched [shardCount][]string
	for address := range owners {
		i := x.shardOf(address)
		touched[i] = append(touched[i], address)
	}
	var room [192]byte
	for number, list := range touched {
		if len(list) == 0 {
			continue
		}
		old, next := x.shards[number].Load(), new(furtherShard)
		for i := range old.ends {
			if _, other := owners[string(x.address(room[:0], old, i))]; !other {
				next.text = append(next.text, old.text[before(old.ends, i):old.ends[i]]...)
				next.ends = append(next.ends, uint32(len(next.text)))
			}
		}
		for _, address := range list {
			if owners[address] != "" {
				x.append(next, address, owners[address])
			}
		}
		x.publish(number, next)
	}
}
