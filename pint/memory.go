package pint

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"tandem/rtc"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu       sync.Mutex
	sessions map[string]Session
	numbers  []OwnNumber
	watches  map[string]Watch
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{sessions: map[string]Session{}, watches: map[string]Watch{}} }

// Put implements Store.
func (m *Memory) Put(s *Session, done func(error)) error {
	m.mu.Lock()
	m.sessions[s.ID] = s.Clone()
	m.mu.Unlock()
	done(nil)
	return nil
}

// sorted are all that fit, the latest first.
func (m *Memory) sorted(fits func(*Session) bool) (list []Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if fits(&s) {
			list = append(list, s.Clone())
		}
	}
	slices.SortFunc(list, func(a, b Session) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID)) })
	return list
}

// Unfinished implements Store.
func (m *Memory) Unfinished(_ context.Context, each func(Session)) error {
	for _, s := range m.sorted(func(s *Session) bool { return s.Unfinished() }) {
		each(s)
	}
	return nil
}

// Session implements Store.
func (m *Memory) Session(_ context.Context, id string) (Session, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	return s.Clone(), ok, nil
}

// Origin implements Store.
func (m *Memory) Origin(_ context.Context, by rtc.AOR, origin string) (Session, bool, error) {
	list := m.sorted(func(s *Session) bool { return origin != "" && s.By == by && s.Origin == origin })
	if len(list) == 0 {
		return Session{}, false, nil
	}
	return list[0], true, nil
}

// List implements Store.
func (m *Memory) List(_ context.Context, q Query) ([]Session, error) {
	list := m.sorted(func(s *Session) bool {
		return (q.By == "" || q.By == s.By) && (q.State == "" || q.State == s.State) && (q.Before.IsZero() || s.Created.Before(q.Before))
	})
	return list[:min(len(list), q.Most())], nil
}

// Prune implements Store.
func (m *Memory) Prune(_ context.Context, before time.Time, limit int) (int, error) {
	old := m.sorted(func(s *Session) bool { return s.State.Final() && s.Ended.Before(before) })
	old = old[:min(len(old), limit)]
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range old {
		delete(m.sessions, s.ID)
	}
	return len(old), nil
}

// Numbers implements Store.
func (m *Memory) Numbers(_ context.Context, each func(OwnNumber)) error {
	m.mu.Lock()
	list := slices.Clone(m.numbers)
	m.mu.Unlock()
	for _, n := range list {
		each(n)
	}
	return nil
}

// PutNumber implements Store.
func (m *Memory) PutNumber(ctx context.Context, n OwnNumber) error {
	if err := m.DeleteNumber(ctx, n.User, n.Number); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.numbers = append(m.numbers, n)
	return nil
}

// DeleteNumber implements Store.
func (m *Memory) DeleteNumber(_ context.Context, user rtc.AOR, number string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.numbers = slices.DeleteFunc(m.numbers, func(n OwnNumber) bool { return n.User == user && n.Number == number })
	return nil
}

// Copy is a store of its own with what this one holds now, as a disk has it when a
// process is killed.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := NewMemory()
	for id, s := range m.sessions {
		c.sessions[id] = s.Clone()
	}
	c.numbers = slices.Clone(m.numbers)
	return c
}

// PutWatch implements Store.
func (m *Memory) PutWatch(w Watch, done func(error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watches[w.ID] = w
	go done(nil)
	return nil
}

// DeleteWatch implements Store.
func (m *Memory) DeleteWatch(id string, done func(error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watches, id)
	go done(nil)
	return nil
}

// Watches implements Store.
func (m *Memory) Watches(_ context.Context, each func(Watch)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.watches {
		each(w)
	}
	return nil
}
