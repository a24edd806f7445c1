package directory

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/rtc"
)

// Memory is a Store that forgets with the process.
type Memory struct {
	mu          sync.Mutex
	users       map[rtc.AOR]User
	credentials map[string]Credential
	uses        map[string]time.Time
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{users: make(map[rtc.AOR]User), credentials: make(map[string]Credential)}
}

func credentialKey(aor rtc.AOR, device string) string { return string(aor) + " " + device }

// Users implements Store.
func (m *Memory) Users(_ context.Context, each func(User)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(m.users)) {
		each(m.users[k])
	}
	return nil
}

// Credentials implements Store.
func (m *Memory) Credentials(_ context.Context, each func(Credential)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(m.credentials)) {
		c := m.credentials[k]
		if used := m.uses[k]; used.After(c.LastUsed) && !used.Before(c.Created.Truncate(time.Second)) {
			c.LastUsed = used
		}
		each(c)
	}
	return nil
}

// PutUser implements Store.
func (m *Memory) PutUser(ctx context.Context, u User) error { return m.PutUsers(ctx, []User{u}, nil) }

// PutUsers implements Store.
func (m *Memory) PutUsers(_ context.Context, users []User, credentials []Credential) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := maps.Clone(m.users)
	for _, u := range users {
		u.Aliases, u.Groups, u.Direct = slices.Clone(u.Aliases), slices.Clone(u.Groups), maps.Clone(u.Direct)
		next[u.AOR] = u
	}
	taken := make(map[string]bool)
	for _, u := range next {
		var mine []string
		for _, alias := range u.Aliases {
			mine = append(mine, string(alias))
		}
		if u.Extension != "" {
			mine = append(mine, extensionKey(u.Site, u.Extension))
		}
		for _, key := range mine {
			if taken[key] {
				return ErrExists
			}
			taken[key] = true
		}
	}
	m.users = next
	for _, c := range credentials {
		m.credentials[credentialKey(c.AOR, c.Device)] = c
	}
	return nil
}

// DeleteUser implements Store.
func (m *Memory) DeleteUser(_ context.Context, aor rtc.AOR) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.users, aor)
	maps.DeleteFunc(m.credentials, func(k string, _ Credential) bool { return strings.HasPrefix(k, credentialKey(aor, "")) })
	return nil
}

// PutCredential implements Store.
func (m *Memory) PutCredential(ctx context.Context, c Credential) error {
	return m.PutUsers(ctx, nil, []Credential{c})
}

// PutUses implements Store.
func (m *Memory) PutUses(_ context.Context, uses iter.Seq[Use]) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uses = make(map[string]time.Time)
	for u := range uses {
		m.uses[credentialKey(u.AOR, u.Device)] = u.Used
	}
	return nil
}

// DeleteDevice implements Store.
func (m *Memory) DeleteDevice(ctx context.Context, u User, device string) error {
	if err := m.PutUser(ctx, u); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.credentials, credentialKey(u.AOR, device))
	return nil
}
