package contacts

import (
	"context"
	"slices"
	"sync"

	"tandem/rtc"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu sync.Mutex
	// Guarded by mu:
	documents map[Key]Document
	changes   map[rtc.AOR][]Change
	complete  map[rtc.AOR]int64
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{documents: make(map[Key]Document), changes: make(map[rtc.AOR][]Change), complete: make(map[rtc.AOR]int64)}
}

// All implements Store.
func (s *Memory) All(_ context.Context, usage string, each func(Document)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, d := range s.documents {
		if k.Usage == usage {
			each(d)
		}
	}
	return nil
}

// Documents implements Store.
func (s *Memory) Documents(_ context.Context, user rtc.AOR) (list []Document, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, d := range s.documents {
		if k.User == user {
			d.Body = nil
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b Document) int { return slices.Compare([]string{a.Usage, a.Name}, []string{b.Usage, b.Name}) })
	return list, nil
}

// Document implements Store.
func (s *Memory) Document(_ context.Context, k Key) (Document, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.documents[k]
	return d, ok, nil
}

// Put implements Store.
func (s *Memory) Put(_ context.Context, d Document, changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.documents[d.Key] = d
	s.add(d.User, changes)
	return nil
}

// add keeps changes, of the last versions alone. Locked.
func (s *Memory) add(user rtc.AOR, changes []Change) {
	list := append(s.changes[user], changes...)
	versions := 0
	for i := len(list) - 1; i >= 0; i-- {
		if i == len(list)-1 || list[i].Version != list[i+1].Version {
			if versions++; versions > MaxChanges {
				s.complete[user] = list[i].Version
				list = slices.Clone(list[i+1:])
				break
			}
		}
	}
	s.changes[user] = list
}

// Delete implements Store.
func (s *Memory) Delete(_ context.Context, k Key, changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.documents, k)
	s.add(k.User, changes)
	return nil
}

// Changes implements Store.
func (s *Memory) Changes(_ context.Context, user rtc.AOR, after int64) (list []Change, complete int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.changes[user] {
		if c.Version > after {
			list = append(list, c)
		}
	}
	return list, s.complete[user], nil
}

// Forget implements Store.
func (s *Memory) Forget(_ context.Context, user rtc.AOR) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.documents {
		if k.User == user {
			delete(s.documents, k)
		}
	}
	delete(s.changes, user)
	delete(s.complete, user)
	return nil
}
