package presence

import (
	"context"
	"sync"
	"time"

	"tandem/rtc"
)

// Stored is what is kept of a publication.
type Stored struct {
	ID    string
	Owner rtc.AOR
	Type  string // of Body
	Body  []byte
	From  string // user agent
	Flow  string // for transport.ParseFlow
	Since time.Time
	Until time.Time // with slack: a refresh that it covers is not written
	Count uint64    // of the entity tag
}

// Store keeps publications and manual status durably. Put and Delete are as in
// event.Store: they do not block, and call done from another goroutine. The other
// methods return when the change is on disk. Package storetest checks an
// implementation.
type Store interface {
	Put(s Stored, done func(error)) error
	Delete(id string, done func(error)) error
	Load(ctx context.Context, each func(Stored)) error // those that have not ended
	// PutStatus keeps what a source ("manual", "calendar") says of a user; one
	// without activity forgets it.
	PutStatus(ctx context.Context, user rtc.AOR, source string, m Manual) error
	LoadStatus(ctx context.Context, each func(user rtc.AOR, source string, m Manual)) error
}

// Memory is a Store that forgets with the process.
type Memory struct {
	mu     sync.Mutex
	rows   map[string]Stored
	status map[[2]string]Manual
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{rows: make(map[string]Stored), status: make(map[[2]string]Manual)}
}

// Put implements Store.
func (m *Memory) Put(s Stored, done func(error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[s.ID] = s
	go done(nil)
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(id string, done func(error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, id)
	go done(nil)
	return nil
}

// Load implements Store.
func (m *Memory) Load(_ context.Context, each func(Stored)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.rows {
		if s.Until.After(time.Now()) {
			each(s)
		}
	}
	return nil
}

// PutStatus implements Store.
func (m *Memory) PutStatus(_ context.Context, user rtc.AOR, source string, s Manual) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status[[2]string{string(user), source}] = s; s.Activity == "" {
		delete(m.status, [2]string{string(user), source})
	}
	return nil
}

// LoadStatus implements Store.
func (m *Memory) LoadStatus(_ context.Context, each func(rtc.AOR, string, Manual)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, s := range m.status {
		each(rtc.AOR(k[0]), k[1], s)
	}
	return nil
}
