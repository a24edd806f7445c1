package waiting

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"tandem/rtc"
)

// ErrInvalid is the error of counts that make no sense.
var ErrInvalid = errors.New("not allowed")

// Memory is a Store that forgets everything when the program ends.
type Memory struct {
	mu     sync.Mutex
	counts map[rtc.AOR]Counts
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{counts: make(map[rtc.AOR]Counts)} }

// Counts implements Store.
func (m *Memory) Counts(_ context.Context, each func(rtc.AOR, Counts)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, user := range slices.Sorted(maps.Keys(m.counts)) {
		each(user, m.counts[user])
	}
	return nil
}

// PutCounts implements Store.
func (m *Memory) PutCounts(_ context.Context, user rtc.AOR, c Counts) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c == (Counts{}) {
		delete(m.counts, user)
	} else {
		m.counts[user] = c
	}
	return nil
}
