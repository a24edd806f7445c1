// Package absorb keeps the final responses of transactions that have ended, to answer
// retransmissions of their requests.
package absorb

import (
	"encoding/binary"
	"time"
)

// Ring keeps responses by the keys of their requests, each until it expires. It is one ring
// of bytes and a table of numbers (index), so that hundreds of thousands of records cost the
// collector nothing. It grows by doubling up to its limit; then the oldest records go first.
//
// Times are those since any one start. Records are added in the order in which they
// expire. A Ring has no lock: only one goroutine at a time may use it.
//
// A record: hash 8, expiry 8, key length 4, response length 4, key, response,
// rounded up to 8.
type Ring struct {
	limit int

	buf     []byte
	index   index
	head    int // oldest record
	tail    int // where the next one goes
	edge    int // end of data below which head runs, while wrapped
	count   int
	first   time.Duration // expiry of the oldest: its record is not in the cache any more
	wrapped bool          // tail has started again below head
}

const (
	recordHeader = 24
	firstRing    = 8 << 10
)

func recordSize(key, resp int) int { return (recordHeader + key + resp + 7) &^ 7 }

type record []byte

func (r record) hash() uint64          { return binary.LittleEndian.Uint64(r) }
func (r record) expiry() time.Duration { return time.Duration(binary.LittleEndian.Uint64(r[8:])) }
func (r record) keyLen() int           { return int(binary.LittleEndian.Uint32(r[16:])) }
func (r record) respLen() int          { return int(binary.LittleEndian.Uint32(r[20:])) }
func (r record) size() int             { return recordSize(r.keyLen(), r.respLen()) }
func (r record) key() []byte           { return r[recordHeader : recordHeader+r.keyLen()] }
func (r record) resp() []byte {
	return r[recordHeader+r.keyLen() : recordHeader+r.keyLen()+r.respLen()]
}

// Limit sets how many octets the ring may have. It is called before the first Add.
func (a *Ring) Limit(octets int) { a.limit = octets }

// Len is how many records there are.
func (a *Ring) Len() int { return a.count }

// Size is how many octets the ring has.
func (a *Ring) Size() int { return len(a.buf) }

// First is when the oldest record expires.
func (a *Ring) First() time.Duration { return a.first }

// Lookup returns the response of a key and when it expires; nil: there is none. The
// response is valid until the next Add.
func (a *Ring) Lookup(hash uint64, key []byte) (resp []byte, expiry time.Duration) {
	if a.count == 0 {
		return nil, 0
	}
	at, ok := a.index.get(hash, a.buf)
	if !ok {
		return nil, 0
	}
	r := record(a.buf[at:])
	if string(r.key()) != string(key) {
		return nil, 0
	}
	return r.resp(), r.expiry()
}

// Add keeps a response from now until expiry. One larger than the whole ring is not kept.
func (a *Ring) Add(hash uint64, key, resp []byte, now, expiry time.Duration) {
	need := recordSize(len(key), len(resp))
	if need > a.limit {
		return
	}
	a.Sweep(now)
	for !a.fits(need) {
		if len(a.buf) < a.limit {
			a.grow(need)
		} else {
			a.drop()
		}
	}
	r := record(a.buf[a.tail : a.tail+need])
	binary.LittleEndian.PutUint64(r, hash)
	binary.LittleEndian.PutUint64(r[8:], uint64(expiry))
	binary.LittleEndian.PutUint32(r[16:], uint32(len(key)))
	binary.LittleEndian.PutUint32(r[20:], uint32(len(resp)))
	copy(r[recordHeader:], key)
	copy(r[recordHeader+len(key):], resp)
	a.index.put(hash, a.tail, a.buf)
	a.tail += need
	a.count++
	if a.count == 1 {
		a.first = expiry
	}
}

// fits makes tail the place of need octets if there is one.
func (a *Ring) fits(need int) bool {
	if a.wrapped {
		return a.head-a.tail >= need
	}
	if len(a.buf)-a.tail >= need {
		return true
	}
	if a.count > 0 && a.head >= need {
		a.edge, a.tail, a.wrapped = a.tail, 0, true
		return true
	}
	return false
}

// grow doubles the ring and lays the records out from its start.
func (a *Ring) grow(need int) {
	size := max(firstRing, 2*len(a.buf))
	for size < need {
		size *= 2
	}
	buf := make([]byte, min(size, a.limit))
	a.index = index{}
	n := 0
	move := func(part []byte) { // oldest first, so that the index ends with the newest
		for len(part) > 0 {
			r := record(part)
			size := r.size()
			copy(buf[n:], r[:size])
			a.index.put(r.hash(), n, buf)
			n += size
			part = part[size:]
		}
	}
	if a.wrapped {
		move(a.buf[a.head:a.edge])
		move(a.buf[:a.tail])
	} else {
		move(a.buf[a.head:a.tail])
	}
	a.buf, a.head, a.tail, a.wrapped = buf, 0, n, false
}

// drop forgets the oldest record.
func (a *Ring) drop() {
	r := record(a.buf[a.head:])
	a.index.remove(r.hash(), a.head, a.buf)
	a.head += r.size()
	a.count--
	if a.wrapped && a.head == a.edge {
		a.head, a.wrapped = 0, false
	}
	if a.count == 0 {
		a.head, a.tail, a.wrapped = 0, 0, false
		return
	}
	a.first = record(a.buf[a.head:]).expiry()
}

// Sweep drops what has expired.
func (a *Ring) Sweep(now time.Duration) {
	for a.count > 0 && a.first <= now {
		a.drop()
	}
}

// Release gives the memory of an empty ring back.
func (a *Ring) Release() {
	if a.count == 0 {
		a.buf, a.index = nil, index{}
	}
}
