package trace

import (
	"encoding/binary"
	"slices"
	"sync"
)

// arena is one part of the ring: records one behind the other in the order
// they came, wrapping at the end. It is bytes and nothing else, so that a
// message costs one stretch of memory and the collector nothing.
type arena struct {
	mu      sync.Mutex
	bytes   []byte
	first   int // the oldest record
	head    int // where the next one goes
	edge    int // while wrapped: end of the records from first on
	wrapped bool
	count   int
	newest  uint64   // seq of the newest record kept
	gone    uint64   // seq of the newest record dropped
	_       [64]byte // keeps neighbours' locks on different cache lines
}

// note is what is kept of a message beside its octets. As a record it is
// noteSize octets, the name, the message, padded to 8.
type note struct {
	seq      uint64
	time     int64 // Unix ns
	addr     [16]byte
	port     uint16
	flags    uint8
	proto    uint8
	listener uint16
}

// Flags of a note.
const (
	isOut    = 1 << iota
	isIPv4   // addr is an IPv4 address
	isNamed  // the flow is text, kept in front of the message
	isUnsent // did not leave; the reason follows the flow
)

const (
	noteSize    = 48
	longestName = 255
)

func (a *arena) put(n *note, name string, b []byte) {
	size := (noteSize + len(name) + len(b) + 7) &^ 7
	a.reserve(size)
	r := a.bytes[a.head : a.head+size]
	h := (*[noteSize]byte)(r)
	binary.LittleEndian.PutUint32(h[0:], uint32(size))
	binary.LittleEndian.PutUint32(h[4:], uint32(len(b)))
	binary.LittleEndian.PutUint64(h[8:], n.seq)
	binary.LittleEndian.PutUint64(h[16:], uint64(n.time))
	copy(h[24:40], n.addr[:])
	binary.LittleEndian.PutUint16(h[40:], n.port)
	h[42], h[43] = n.flags, n.proto
	binary.LittleEndian.PutUint16(h[44:], n.listener)
	binary.LittleEndian.PutUint16(h[46:], uint16(len(name)))
	copy(r[noteSize:], name)
	copy(r[noteSize+len(name):], b)
	a.head += size
	a.count++
	a.newest = n.seq
}

// reserve makes room for n octets at head, dropping the oldest records.
func (a *arena) reserve(n int) {
	if a.count == 0 {
		a.first, a.head, a.wrapped = 0, 0, false
	}
	if a.head+n > len(a.bytes) {
		for a.wrapped { // what lies behind head is older than the start
			a.drop()
		}
		a.edge, a.head, a.wrapped = a.head, 0, true
	}
	for a.wrapped && a.first < n+a.head {
		a.drop()
	}
}

func (a *arena) drop() {
	r := a.bytes[a.first:]
	a.gone = binary.LittleEndian.Uint64(r[8:])
	a.first += int(binary.LittleEndian.Uint32(r))
	a.count--
	if a.wrapped && a.first >= a.edge {
		a.first, a.wrapped = 0, false
	}
}

// snapshot is a copy to read at leisure, an empty one when nothing is newer
// than after.
func (a *arena) snapshot(after uint64) (_ *arena, gone uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count == 0 || a.newest <= after {
		return &arena{}, a.gone
	}
	return &arena{bytes: slices.Clone(a.bytes), first: a.first, head: a.head, edge: a.edge, wrapped: a.wrapped, count: a.count}, a.gone
}

// each tells the records, oldest first.
func (a *arena) each(f func(n note, name string, b []byte)) {
	for at := a.first; a.count > 0; a.count-- {
		if a.wrapped && at >= a.edge {
			at, a.wrapped = 0, false
		}
		r := a.bytes[at:]
		n := note{
			seq:      binary.LittleEndian.Uint64(r[8:]),
			time:     int64(binary.LittleEndian.Uint64(r[16:])),
			addr:     [16]byte(r[24:40]),
			port:     binary.LittleEndian.Uint16(r[40:]),
			flags:    r[42],
			proto:    r[43],
			listener: binary.LittleEndian.Uint16(r[44:]),
		}
		size, named := int(binary.LittleEndian.Uint32(r[4:])), int(binary.LittleEndian.Uint16(r[46:]))
		text := r[noteSize+named:]
		f(n, string(r[noteSize:noteSize+named]), text[:size:size])
		at += int(binary.LittleEndian.Uint32(r))
	}
}
