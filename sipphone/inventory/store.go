package inventory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"tandem/sipphone"
)

// Seen is what a phone was last seen doing.
type Seen struct {
	MAC      sipphone.MAC `json:"mac"`
	Agent    string       `json:"agent,omitempty"` // User-Agent of its latest fetch or registration
	Model    string       `json:"model,omitempty"`
	Firmware string       `json:"firmware,omitempty"`
	From     string       `json:"from,omitempty"`   // address
	File     string       `json:"file,omitempty"`   // the latest one asked for
	Fetched  time.Time    `json:"fetched,omitzero"` // the zero time when it has fetched nothing
	Login    string       `json:"login,omitempty"`  // how it proved that it is the phone

	Registered time.Time `json:"registered,omitzero"` // when it last did; the zero time for never
}

// Served is a file as a phone last got it, its secrets replaced by marks.
type Served struct {
	MAC  sipphone.MAC
	File string
	Text []byte // compressed by the Store as it likes
	At   time.Time
}

// Store keeps phones durably. Methods return when the change is on disk. Package
// storetest checks an implementation.
type Store interface {
	Phones(ctx context.Context, each func(sipphone.Phone)) error
	// PutPhones inserts or replaces phones, by MAC, all or none.
	PutPhones(ctx context.Context, list []sipphone.Phone) error
	// DeletePhone forgets a phone, what was seen of it and what it was served.
	DeletePhone(ctx context.Context, mac sipphone.MAC) error
	Seen(ctx context.Context, each func(Seen)) error
	PutSeen(ctx context.Context, list []Seen) error // insert or replace, by MAC
	Served(ctx context.Context, mac sipphone.MAC) ([]Served, error)
	PutServed(ctx context.Context, s Served) error // insert or replace, by MAC and File
}

// Memory is a Store that forgets everything when the program ends.
type Memory struct {
	mu     sync.Mutex
	phones map[sipphone.MAC]sipphone.Phone
	seen   map[sipphone.MAC]Seen
	served map[sipphone.MAC]map[string]Served
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{phones: make(map[sipphone.MAC]sipphone.Phone), seen: make(map[sipphone.MAC]Seen), served: make(map[sipphone.MAC]map[string]Served)}
}

// Phones implements Store.
func (m *Memory) Phones(_ context.Context, each func(sipphone.Phone)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mac := range slices.Sorted(maps.Keys(m.phones)) {
		each(m.phones[mac])
	}
	return nil
}

// PutPhones implements Store.
func (m *Memory) PutPhones(_ context.Context, list []sipphone.Phone) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range list {
		m.phones[p.MAC] = p
	}
	return nil
}

// DeletePhone implements Store.
func (m *Memory) DeletePhone(_ context.Context, mac sipphone.MAC) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.phones, mac)
	delete(m.seen, mac)
	delete(m.served, mac)
	return nil
}

// Seen implements Store.
func (m *Memory) Seen(_ context.Context, each func(Seen)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mac := range slices.Sorted(maps.Keys(m.seen)) {
		each(m.seen[mac])
	}
	return nil
}

// PutSeen implements Store.
func (m *Memory) PutSeen(_ context.Context, list []Seen) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range list {
		m.seen[s.MAC] = s
	}
	return nil
}

// Served implements Store.
func (m *Memory) Served(_ context.Context, mac sipphone.MAC) ([]Served, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Served
	for _, name := range slices.Sorted(maps.Keys(m.served[mac])) {
		list = append(list, m.served[mac][name])
	}
	return list, nil
}

// PutServed implements Store.
func (m *Memory) PutServed(_ context.Context, s Served) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.served[s.MAC] == nil {
		m.served[s.MAC] = make(map[string]Served)
	}
	m.served[s.MAC][s.File] = s
	return nil
}
