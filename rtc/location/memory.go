package location

import (
	"context"
	"iter"
	"slices"
	"sync"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu       sync.Mutex
	rows     map[rtc.AOR][]Binding
	promises map[rtc.AOR][]Promise
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{rows: make(map[rtc.AOR][]Binding)} }

// PutBindings implements Store.
func (m *Memory) PutBindings(aor rtc.AOR, _ int64, bindings []Binding, done func(error)) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(bindings) == 0 {
		delete(m.rows, aor)
	} else {
		m.rows[aor] = slices.Clone(bindings)
	}
	go done(nil)
	return 0, nil
}

// LoadBindings implements Store. It gives the flows it was given.
func (m *Memory) LoadBindings(_ func(string) (transport.Flow, bool), each func(rtc.AOR, int64, []Binding)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for aor, list := range m.rows {
		each(aor, 0, slices.Clone(list))
	}
	return nil
}

// KeepPromises implements Store.
func (m *Memory) KeepPromises(_ context.Context, all iter.Seq2[rtc.AOR, []Promise]) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.promises = make(map[rtc.AOR][]Promise)
	for aor, list := range all {
		m.promises[aor] = slices.Clone(list)
	}
	return nil
}

// LoadPromises implements Store.
func (m *Memory) LoadPromises(_ context.Context, each func(rtc.AOR, []Promise)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for aor, list := range m.promises {
		each(aor, list)
	}
	return nil
}

// ForgetPromises implements Store.
func (m *Memory) ForgetPromises(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.promises = nil
	return nil
}
