package idempotency

import (
	"context"
	"sync"
	"time"
)

// Memory is a Store that forgets at the end of the process: for tests.
type Memory struct {
	mu   sync.Mutex
	kept map[[2]string]Kept
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{kept: map[[2]string]Kept{}} }

// Begin implements Store.
func (m *Memory) Begin(_ context.Context, k Kept) (*Kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.kept[[2]string{k.Who, k.Key}]; ok {
		return &before, nil
	}
	m.kept[[2]string{k.Who, k.Key}] = k
	return nil, nil
}

// Finish implements Store.
func (m *Memory) Finish(_ context.Context, k Kept) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[[2]string{k.Who, k.Key}] = k
	return nil
}

// Forget implements Store.
func (m *Memory) Forget(_ context.Context, who, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, [2]string{who, key})
	return nil
}

// Prune implements Store.
func (m *Memory) Prune(_ context.Context, before time.Time, limit int) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, k := range m.kept {
		if n < limit && k.Created.Before(before) {
			delete(m.kept, id)
			n++
		}
	}
	return n, nil
}
