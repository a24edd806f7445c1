package access

import (
	"context"
	"sync"
)

// Memory is a Store that forgets at the end of the process: for tests and for
// servers without a disk.
type Memory struct {
	mu     sync.Mutex
	tokens map[string]Token
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{tokens: map[string]Token{}} }

// Tokens implements Store.
func (m *Memory) Tokens(_ context.Context, each func(Token)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tokens {
		each(t)
	}
	return nil
}

// PutToken implements Store.
func (m *Memory) PutToken(_ context.Context, t Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[t.Name] = t
	return nil
}

// DeleteToken implements Store.
func (m *Memory) DeleteToken(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tokens, name)
	return nil
}
