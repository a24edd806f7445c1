package kept

import (
	"context"
	"maps"
	"slices"
	"sync"

	"tandem/rtc"
)

// Memory is a Store that forgets everything at the end of the process.
type Memory struct {
	mu sync.Mutex
	// Guarded by mu:
	list    []Message // by ID
	devices map[deviceKey]Device
}

type deviceKey struct {
	user     rtc.AOR
	instance string
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{devices: make(map[deviceKey]Device)} }

// Put implements Store.
func (s *Memory) Put(m Message, done func(error)) error {
	s.mu.Lock()
	same := func(o Message) bool { return o.To == m.To && o.Key == m.Key }
	if !slices.ContainsFunc(s.list, same) {
		m.Waiting, m.Text = slices.Clone(m.Waiting), slices.Clone(m.Text)
		i, _ := slices.BinarySearchFunc(s.list, m.ID, byID)
		s.list = slices.Insert(s.list, i, m)
	}
	s.mu.Unlock()
	done(nil)
	return nil
}

func byID(m Message, id int64) int { return int(m.ID - id) }

// Settle implements Store.
func (s *Memory) Settle(id int64, waiting []string, held bool, done func(error)) error {
	s.mu.Lock()
	if i, ok := slices.BinarySearchFunc(s.list, id, byID); ok {
		if len(waiting) == 0 {
			s.list = slices.Delete(s.list, i, i+1)
		} else {
			s.list[i].Waiting, s.list[i].Held = slices.Clone(waiting), held
		}
	}
	s.mu.Unlock()
	done(nil)
	return nil
}

// Index implements Store.
func (s *Memory) Index(_ context.Context, each func(m Message, octets int)) error {
	s.mu.Lock()
	list := slices.Clone(s.list)
	s.mu.Unlock()
	for _, m := range list {
		n := m.Octets()
		m.Text = nil
		each(m, n)
	}
	return nil
}

// Messages implements Store.
func (s *Memory) Messages(_ context.Context, to rtc.AOR, from int64, limit int) (list []Message, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.list {
		if m.To == to && m.ID >= from && len(list) < limit {
			list = append(list, m)
		}
	}
	return list, nil
}

// Forget implements Store.
func (s *Memory) Forget(_ context.Context, user rtc.AOR) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(m Message) bool { return m.To == user })
	maps.DeleteFunc(s.devices, func(k deviceKey, _ Device) bool { return k.user == user })
	return nil
}

// PutDevice implements Store.
func (s *Memory) PutDevice(d Device, done func(error)) error {
	s.mu.Lock()
	s.devices[deviceKey{d.User, d.Instance}] = d
	s.mu.Unlock()
	done(nil)
	return nil
}

// DeleteDevice implements Store.
func (s *Memory) DeleteDevice(user rtc.AOR, instance string, done func(error)) error {
	s.mu.Lock()
	delete(s.devices, deviceKey{user, instance})
	s.mu.Unlock()
	done(nil)
	return nil
}

// Devices implements Store.
func (s *Memory) Devices(_ context.Context, each func(Device)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		each(d)
	}
	return nil
}
