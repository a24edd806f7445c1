// Package rows is what stores in memory have in common, that of rtc/event and
// that of rtc/presence: rows by a key, written as the disk would, and gone with
// the process.
package rows

import "sync"

// Rows holds values by key. The zero Rows is not ready, see New.
type Rows[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]V // guarded by mu
}

// New makes an empty one.
func New[K comparable, V any]() *Rows[K, V] { return &Rows[K, V]{m: make(map[K]V)} }

// Put keeps a row, and calls done from another goroutine, as a store does that
// commits.
func (r *Rows[K, V]) Put(k K, v V, done func(error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.m[k] = v
	go done(nil)
	return nil
}

// Delete forgets a row, and calls done as Put does.
func (r *Rows[K, V]) Delete(k K, done func(error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.m, k)
	go done(nil)
	return nil
}

// Each calls f for every row. f must not use the rows.
func (r *Rows[K, V]) Each(f func(K, V)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, v := range r.m {
		f(k, v)
	}
}
