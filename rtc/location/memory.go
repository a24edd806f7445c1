package location

import (
	"slices"
	"sync"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu   sync.Mutex
	rows map[rtc.AOR][]Binding
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{rows: make(map[rtc.AOR][]Binding)} }

// PutBindings implements Store.
func (m *Memory) PutBindings(aor rtc.AOR, bindings []Binding, done func(error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(bindings) == 0 {
		delete(m.rows, aor)
	} else {
		m.rows[aor] = slices.Clone(bindings)
	}
	go done(nil)
	return nil
}

// LoadBindings implements Store. It gives the flows it was given.
func (m *Memory) LoadBindings(_ func(string) (transport.Flow, bool), each func(rtc.AOR, []Binding)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for aor, list := range m.rows {
		each(aor, slices.Clone(list))
	}
	return nil
}
