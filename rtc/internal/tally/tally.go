// Package tally counts what happens on many cores at once: each core counts in a row
// of its own, and whoever reads adds them up.
//
// It owns the counters alone. What they mean is their user's matter, who numbers them.
package tally

import "sync/atomic"

const (
	// kinds is how many kinds a Board can count.
	kinds = 12
	// rows is how many rows a Board has.
	rows = 8
)

// Row is where one core counts, on cache lines of its own.
type Row struct {
	_ [64]byte
	n [kinds]atomic.Uint64
}

// Add counts one of a kind.
func (r *Row) Add(kind int) { r.n[kind].Add(1) }

// Board is a set of counters. The zero Board counts from nothing.
type Board struct{ rows [rows]Row }

// Row i, of any number.
func (b *Board) Row(i int) *Row { return &b.rows[uint(i)%rows] }

// Sum of a kind over all rows.
func (b *Board) Sum(kind int) (n uint64) {
	for i := range b.rows {
		n += b.rows[i].n[kind].Load()
	}
	return n
}
