package settings

import (
	"context"
	"sync"

	"tandem/rtc"
)

// Memory is a Store that forgets everything when the program ends.
type Memory struct {
	mu    sync.Mutex
	users map[rtc.AOR]User
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{users: make(map[rtc.AOR]User)} }

// Settings implements Store.
func (m *Memory) Settings(_ context.Context, each func(User)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.users {
		each(u)
	}
	return nil
}

// PutSettings implements Store.
func (m *Memory) PutSettings(_ context.Context, u User) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users[u.AOR] = u
	return nil
}

// DeleteSettings implements Store.
func (m *Memory) DeleteSettings(_ context.Context, aor rtc.AOR) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.users, aor)
	return nil
}
