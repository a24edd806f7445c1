package outbox

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that forgets at the end of the process: for tests.
type Memory struct {
	mu    sync.Mutex
	hooks map[string]Hook
	rows  map[int64]Delivery
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{hooks: map[string]Hook{}, rows: map[int64]Delivery{}} }

// Hooks implements Store.
func (m *Memory) Hooks(_ context.Context, each func(Hook)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.hooks {
		each(h)
	}
	return nil
}

// PutHook implements Store.
func (m *Memory) PutHook(_ context.Context, h Hook) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hooks[h.Name] = h
	return nil
}

// DeleteHook implements Store.
func (m *Memory) DeleteHook(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.hooks, name)
	maps.DeleteFunc(m.rows, func(_ int64, d Delivery) bool { return d.Hook == name })
	return nil
}

// Add implements Store.
func (m *Memory) Add(list []Delivery, done func(error)) error {
	m.mu.Lock()
	for _, d := range list {
		m.rows[d.ID] = d
	}
	m.mu.Unlock()
	done(nil)
	return nil
}

// Pending implements Store.
func (m *Memory) Pending(_ context.Context, each func(Delivery)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		d := m.rows[id]
		d.Body = nil
		each(d)
	}
	return nil
}

// Body implements Store.
func (m *Memory) Body(_ context.Context, id int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.rows[id]
	if !ok {
		return nil, ErrUnknown
	}
	return d.Body, nil
}

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, id)
	return nil
}
