package cdr

import (
	"cmp"
	"context"
	"slices"
	"strings"
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
		if q.fits(&r) {
			list = append(list, r.Clone())
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return b.Started.Compare(a.Started) })
	return list[:min(len(list), q.Most())], nil
}

// Each implements Store.
func (m *Memory) Each(_ context.Context, q Query, f func(*Record) error) error {
	m.mu.Lock()
	var list []Record
	for _, r := range m.records {
		if q.fits(&r) {
			list = append(list, r.Clone())
		}
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b Record) int { return cmp.Or(a.Started.Compare(b.Started), strings.Compare(a.ID, b.ID)) })
	for i := range list {
		if err := f(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// Prune implements Store.
func (m *Memory) Prune(_ context.Context, before time.Time) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.records {
		if r.Started.Before(before) && r.State != Open {
			delete(m.records, id)
			n++
		}
	}
	return n, nil
}

// Record implements Store.
func (m *Memory) Record(_ context.Context, id string) (Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id]
	return r.Clone(), ok, nil
}
