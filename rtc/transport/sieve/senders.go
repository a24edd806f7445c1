package sieve

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"
)

// The size of the bitmap in Senders: a program that contains it must fit into what the
// kernel allows for a socket (net.core.optmem_max, 20 KiB in older kernels).
const (
	hashBits = 14
	words    = 1 << hashBits / 32
)

// Senders are the addresses that pass: those added today or yesterday (UTC). The zero
// value is empty. It is safe for concurrent use.
type Senders struct {
	bits    [2][words]atomic.Uint32 // by day, odd and even
	day     atomic.Int64
	version atomic.Uint32
}

// Add lets datagrams from an address pass. It is quick when they already do.
func (s *Senders) Add(from netip.Addr, now time.Time) {
	day := now.Unix() / 86400
	if last := s.day.Load(); day > last && s.day.CompareAndSwap(last, day) {
		for i := range s.bits[day&1] {
			s.bits[day&1][i].Store(0)
			if last < day-1 {
				s.bits[1-day&1][i].Store(0)
			}
		}
		s.version.Add(1)
	}
	h := hash(from)
	w, bit := &s.bits[day&1][h/32], uint32(1)<<(h%32)
	if w.Load()&bit == 0 && w.Or(bit)&bit == 0 {
		s.version.Add(1)
	}
}

// changes returns a number that grows with each change.
func (s *Senders) changes() uint32 { return s.version.Load() }

// snapshot returns a copy of the bitmap.
func (s *Senders) snapshot() (all [words]uint32) {
	for i := range all {
		all[i] = s.bits[0][i].Load() | s.bits[1][i].Load()
	}
	return all
}

// Odd numbers with well-mixed bits; the BPF program multiplies by the same ones.
const (
	mixHigh = 0x85ebca6b
	mixLow  = 0xc2b2ae35
	mixBoth = 0x9e3779b1
)

// hash returns the position of an address in the bitmap. For IPv6 only the /64 counts,
// within which a host changes its address (RFC 8981).
func hash(a netip.Addr) uint32 {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return binary.BigEndian.Uint32(b[:]) * mixHigh * mixBoth >> (32 - hashBits)
	}
	b := a.As16()
	return (binary.BigEndian.Uint32(b[:4])*mixHigh ^ binary.BigEndian.Uint32(b[4:8])*mixLow) * mixBoth >> (32 - hashBits)
}
