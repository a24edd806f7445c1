package guard

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu     sync.Mutex
	limits map[Key]Limit
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{limits: make(map[Key]Limit)} }

// Limits implements Store.
func (m *Memory) Limits(_ context.Context, each func(Limit)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.SortedFunc(maps.Keys(m.limits), compareKeys) {
		each(m.limits[k])
	}
	return nil
}

// PutLimit implements Store.
func (m *Memory) PutLimit(_ context.Context, l Limit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.Closed = slices.Clone(l.Closed)
	m.limits[l.Key] = l
	return nil
}

// DeleteLimit implements Store.
func (m *Memory) DeleteLimit(_ context.Context, k Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.limits, k)
	return nil
}
