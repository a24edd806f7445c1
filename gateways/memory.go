package gateways

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that forgets everything when the program ends.
type Memory struct {
	mu     sync.Mutex
	trunks map[string]Trunk
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{trunks: make(map[string]Trunk)} }

// Trunks implements Store.
func (m *Memory) Trunks(_ context.Context, each func(Trunk)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.trunks)) {
		each(m.trunks[name])
	}
	return nil
}

// PutTrunks implements Store.
func (m *Memory) PutTrunks(_ context.Context, list []Trunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range list {
		m.trunks[t.Name] = t
	}
	return nil
}

// DeleteTrunk implements Store.
func (m *Memory) DeleteTrunk(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.trunks, name)
	return nil
}
