package presence

import (
	"context"
	"time"

	"tandem/rtc"
	"tandem/rtc/internal/rows"
)

// Stored is what is kept of a publication.
type Stored struct {
	ID    string
	Owner rtc.AOR
	Type  string // of Body
	Body  []byte
	From  string // user agent
	Flow  string // for transport.ParseFlow, "" of a connection
	Since time.Time
	Until time.Time // as was granted
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
	rows   *rows.Rows[string, Stored]
	status *rows.Rows[said, Manual]
}

// said is who says something of whom.
type said struct {
	user   rtc.AOR
	source string
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{rows: rows.New[string, Stored](), status: rows.New[said, Manual]()}
}

// Put implements Store.
func (m *Memory) Put(s Stored, done func(error)) error { return m.rows.Put(s.ID, s, done) }

// Delete implements Store.
func (m *Memory) Delete(id string, done func(error)) error { return m.rows.Delete(id, done) }

// Load implements Store.
func (m *Memory) Load(_ context.Context, each func(Stored)) error {
	m.rows.Each(func(_ string, s Stored) {
		if s.Until.After(time.Now()) {
			each(s)
		}
	})
	return nil
}

// PutStatus implements Store.
func (m *Memory) PutStatus(_ context.Context, user rtc.AOR, source string, s Manual) error {
	if s.Activity == "" {
		return m.status.Delete(said{user, source}, func(error) {})
	}
	return m.status.Put(said{user, source}, s, func(error) {})
}

// LoadStatus implements Store.
func (m *Memory) LoadStatus(_ context.Context, each func(rtc.AOR, string, Manual)) error {
	m.status.Each(func(k said, s Manual) { each(k.user, k.source, s) })
	return nil
}
