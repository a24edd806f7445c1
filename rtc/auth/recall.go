package auth

import "sync/atomic"

// recall remembers which users have proved their identity from which place, by a hash
// of both. It is a table of fixed size; a new entry replaces the oldest one of its
// bucket. Only correct passwords add entries, so guessing removes none.
type recall struct {
	buckets []recallBucket
}

// recallBucket is one cache line. An entry is a hash whose lowest octet is replaced by
// the day on which it was last seen.
type recallBucket [8]atomic.Uint64

const recallDays = 30

// newRecall makes room for n devices, with one entry for the device and one for the
// place.
func newRecall(n int) *recall {
	return &recall{make([]recallBucket, max(1, n/4))}
}

func (r *recall) bucket(place uint64) *recallBucket {
	return &r.buckets[(place>>32)%uint64(len(r.buckets))]
}

// has reports whether b holds an entry of the last days.
func (b *recallBucket) has(hash uint64, day uint8) bool {
	for i := range b {
		if v := b[i].Load(); v>>8 == hash>>8 && day-uint8(v) <= recallDays {
			return true
		}
	}
	return false
}

// add inserts an entry. When the bucket is full it replaces the entry that was seen
// longest ago.
func (b *recallBucket) add(hash uint64, day uint8) {
	entry := hash&^0xff | uint64(day)
	oldest, age := 0, -1
	for i := range b {
		v := b[i].Load()
		if v == entry {
			return // the usual case
		}
		a := int(day - uint8(v))
		switch {
		case v>>8 == hash>>8:
			a = 257
		case v == 0:
			a = 256
		}
		if a > age {
			oldest, age = i, a
		}
	}
	b[oldest].Store(entry)
}

func (b *recallBucket) forget(hash uint64) {
	for i := range b {
		if v := b[i].Load(); v>>8 == hash>>8 {
			b[i].CompareAndSwap(v, 0)
		}
	}
}
