package dialplan

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu    sync.Mutex
	rules map[string]Rule
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{rules: make(map[string]Rule)} }

// Rules implements Store.
func (m *Memory) Rules(_ context.Context, each func(Rule)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.rules)) {
		each(m.rules[name])
	}
	return nil
}

// PutRule implements Store.
func (m *Memory) PutRule(_ context.Context, r Rule) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rules[r.Name] = r
	return nil
}

// DeleteRule implements Store.
func (m *Memory) DeleteRule(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rules, name)
	return nil
}
