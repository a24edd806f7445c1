package group

import (
	"context"
	"sync"

	"tandem/rtc"
)

// Memory is a Store that forgets everything when the program ends.
type Memory struct {
	mu     sync.Mutex
	groups map[rtc.AOR]Group
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{groups: make(map[rtc.AOR]Group)} }

// Groups implements Store.
func (m *Memory) Groups(_ context.Context, each func(Group)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.groups {
		each(g.clone())
	}
	return nil
}

// PutGroup implements Store.
func (m *Memory) PutGroup(_ context.Context, g Group) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups[g.AOR] = g.clone()
	return nil
}

// DeleteGroup implements Store.
func (m *Memory) DeleteGroup(_ context.Context, aor rtc.AOR) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.groups, aor)
	return nil
}
