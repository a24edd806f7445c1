package hotdesk

import (
	"context"
	"maps"
	"slices"
	"sync"

	"tandem/rtc"
)

// Memory is a Store that forgets everything when the program ends.
type Memory struct {
	mu   sync.Mutex
	pins map[rtc.AOR]int
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{pins: make(map[rtc.AOR]int)} }

// PINs implements Store.
func (m *Memory) PINs(_ context.Context, each func(rtc.AOR, int)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, user := range slices.Sorted(maps.Keys(m.pins)) {
		each(user, m.pins[user])
	}
	return nil
}

// PutPIN implements Store.
func (m *Memory) PutPIN(_ context.Context, user rtc.AOR, generation int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation == 0 {
		delete(m.pins, user)
	} else {
		m.pins[user] = generation
	}
	return nil
}
