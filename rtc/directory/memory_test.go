package directory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"tandem/rtc"
)

var errDisk = errors.New("disk is gone")

// memory is a Store for tests; it fails every write after failAfter of them
// when that is not negative.
type memory struct {
	users       map[rtc.AOR]User
	credentials map[string]Credential
	failAfter   int
}

func newMemory() *memory {
	return &memory{users: map[rtc.AOR]User{}, credentials: map[string]Credential{}, failAfter: -1}
}

func (m *memory) write() error {
	if m.failAfter == 0 {
		return errDisk
	}
	if m.failAfter > 0 {
		m.failAfter--
	}
	return nil
}

func (m *memory) Users(_ context.Context, each func(User)) error {
	for _, k := range slices.Sorted(maps.Keys(m.users)) {
		each(m.users[k])
	}
	return nil
}

func (m *memory) Credentials(_ context.Context, each func(Credential)) error {
	for _, k := range slices.Sorted(maps.Keys(m.credentials)) {
		each(m.credentials[k])
	}
	return nil
}

func (m *memory) PutUser(_ context.Context, u User) error {
	if err := m.write(); err != nil {
		return err
	}
	m.users[u.AOR] = u
	return nil
}

func (m *memory) DeleteUser(_ context.Context, aor rtc.AOR) error {
	delete(m.users, aor)
	maps.DeleteFunc(m.credentials, func(k string, _ Credential) bool { return strings.HasPrefix(k, string(aor)+" ") })
	return nil
}

func (m *memory) PutCredential(_ context.Context, c Credential) error {
	if err := m.write(); err != nil {
		return err
	}
	m.credentials[string(c.AOR)+" "+c.Device] = c
	return nil
}

func (m *memory) DeleteCredential(_ context.Context, aor rtc.AOR, device string) error {
	if err := m.write(); err != nil {
		return err
	}
	delete(m.credentials, string(aor)+" "+device)
	return nil
}

func (m *memory) PutUsers(ctx context.Context, users []User, credentials []Credential) error {
	before := &memory{users: maps.Clone(m.users), credentials: maps.Clone(m.credentials)}
	var err error
	for _, u := range users {
		err = errors.Join(err, m.PutUser(ctx, u))
	}
	for _, c := range credentials {
		err = errors.Join(err, m.PutCredential(ctx, c))
	}
	if err != nil {
		m.users, m.credentials = before.users, before.credentials
	}
	return err
}
