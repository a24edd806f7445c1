package cdr

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu      sync.Mutex
	records map[string]Record
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{records: make(map[string]Record)} }

// Put implements Store.
func (m *Memory) Put(r Record, done func(error)) error {
	m.mu.Lock()
	m.records[r.ID] = r.Clone()
	m.mu.Unlock()
	done(nil)
	return nil
}

// Interrupt implements Store.
func (m *Memory) Interrupt(_ context.Context, at time.Time) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.records {
		if r.State == Open {
			r.State, r.Ended = Interrupted, at
			m.records[id] = r
			n++
		}
	}
	return n, nil
}

// List implements Store.
func (m *Memory) List(_ context.Context, q Query) (list []Record, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if q.Fits(&r) {
			list = append(list, r.Clone())
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return b.Started.Compare(a.Started) })
	return list[:min(len(list), q.Most())], nil
}

// Record implements Store.
func (m *Memory) Record(_ context.Context, id string) (Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id]
	return r.Clone(), ok, nil
}
