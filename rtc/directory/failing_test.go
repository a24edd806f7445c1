package directory

import (
	"context"
	"errors"
	"iter"
)

var errDisk = errors.New("disk is gone")

// memory is a Store for tests; it fails every write after failAfter of them
// when that is not negative.
type memory struct {
	*Memory
	failAfter int
}

func newMemory() *memory { return &memory{Memory: NewMemory(), failAfter: -1} }

func (m *memory) write() error {
	if m.failAfter == 0 {
		return errDisk
	}
	if m.failAfter > 0 {
		m.failAfter--
	}
	return nil
}

func (m *memory) PutUser(ctx context.Context, u User) error {
	if err := m.write(); err != nil {
		return err
	}
	return m.Memory.PutUser(ctx, u)
}

func (m *memory) PutCredential(ctx context.Context, c Credential) error {
	if err := m.write(); err != nil {
		return err
	}
	return m.Memory.PutCredential(ctx, c)
}

func (m *memory) DeleteDevice(ctx context.Context, u User, device string) error {
	if err := m.write(); err != nil {
		return err
	}
	return m.Memory.DeleteDevice(ctx, u, device)
}

func (m *memory) PutUses(ctx context.Context, uses iter.Seq[Use]) error {
	if err := m.write(); err != nil {
		for range uses { // it had them when it failed
		}
		return err
	}
	return m.Memory.PutUses(ctx, uses)
}

func (m *memory) PutUsers(ctx context.Context, users []User, credentials []Credential) error {
	for range len(users) + len(credentials) {
		if err := m.write(); err != nil {
			return err
		}
	}
	return m.Memory.PutUsers(ctx, users, credentials)
}
