package audit

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Memory is a Store that forgets at the end of the process: for tests.
type Memory struct {
	mu   sync.Mutex
	rows []Row // oldest first
}

// Begin implements Store.
func (m *Memory) Begin(_ context.Context, r Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearchFunc(m.rows, r.ID, func(r Row, id int64) int { return int(r.ID - id) })
	m.rows = slices.Insert(m.rows, i, r)
	return nil
}

// Note implements Store.
func (m *Memory) Note(r Row, done func(error)) error {
	done(m.Begin(context.Background(), r))
	return nil
}

// Finish implements Store.
func (m *Memory) Finish(_ context.Context, id int64, o Outcome, why string, after json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rows {
		if r := &m.rows[i]; r.ID == id {
			r.Outcome, r.Why, r.After = o, why, after
		}
	}
	return nil
}

// Rows implements Store.
func (m *Memory) Rows(_ context.Context, q Query) ([]Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Row
	for _, r := range slices.Backward(m.rows) {
		below := r.Resource == q.Resource || strings.HasPrefix(r.Resource, q.Resource+"/")
		if q.Before != 0 && r.ID >= q.Before || q.Who != "" && r.Who != q.Who || q.Resource != "" && !below || r.Time.Before(q.Since) {
			continue
		}
		if len(list) == q.Limit {
			break
		}
		list = append(list, r)
	}
	return list, nil
}

// Interrupt implements Store.
func (m *Memory) Interrupt(context.Context) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rows {
		if m.rows[i].Outcome == Begun {
			m.rows[i].Outcome = Interrupted
			n++
		}
	}
	return n, nil
}

// Prune implements Store.
func (m *Memory) Prune(_ context.Context, before int64, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for n < len(m.rows) && n < limit && m.rows[n].ID < before {
		n++
	}
	m.rows = slices.Delete(m.rows, 0, n)
	return n, nil
}
