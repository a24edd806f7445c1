package policy

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu    sync.Mutex
	rules map[Key]Rule
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{rules: make(map[Key]Rule)} }

// Rules implements Store.
func (m *Memory) Rules(_ context.Context, each func(Rule)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.SortedFunc(maps.Keys(m.rules), compareKeys) {
		each(m.rules[k])
	}
	return nil
}

// PutRules implements Store.
func (m *Memory) PutRules(_ context.Context, rules []Rule) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rules {
		m.rules[r.Key] = r
	}
	return nil
}

// DeleteRules implements Store.
func (m *Memory) DeleteRules(_ context.Context, keys []Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		delete(m.rules, k)
	}
	return nil
}
