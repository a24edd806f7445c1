package settings

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"tandem/rtc"
)

// Store keeps settings durably. Methods return when the change is on disk.
type Store interface {
	Settings(ctx context.Context, each func(User)) error
	// PutSettings inserts or replaces the settings of one user.
	PutSettings(ctx context.Context, u User) error
	DeleteSettings(ctx context.Context, aor rtc.AOR) error
}

// Table is the working copy. Of takes no lock that others hold for long; changes
// are made one at a time, in the Store first, and count for the next call.
type Table struct {
	store Store
	log   *slog.Logger
	turn  chan struct{} // holds one element: whoever takes it may change
	users sync.Map      // rtc.AOR to User
	watch []func(rtc.AOR)
}

// New makes a working copy in which nobody has set anything. Load fills it.
func New(store Store, log *slog.Logger) *Table {
	t := &Table{store: store, log: log, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// Watch has f told whose settings changed, when the change counts. It must be
// called before the first change, and f must not block.
func (t *Table) Watch(f func(user rtc.AOR)) { t.watch = append(t.watch, f) }

// Load reads everything from the Store.
func (t *Table) Load(ctx context.Context) error {
	err := t.store.Settings(ctx, func(u User) {
		if err := u.check(); err != nil { // by a newer program, or by hand
			t.log.Error("stored settings left out", "aor", string(u.AOR), "err", err)
			return
		}
		t.users.Store(u.AOR, u)
	})
	if err != nil {
		return fmt.Errorf("loading the settings of users: %w", err)
	}
	return nil
}

// Of is how a user wants to be called.
func (t *Table) Of(aor rtc.AOR) User {
	if u, ok := t.users.Load(aor); ok {
		return u.(User)
	}
	return User{AOR: aor}
}

// Change has f change a copy of a user's settings. The error of f is returned as it
// is, and nothing is changed then. That the user exists is the caller's to see to.
func (t *Table) Change(ctx context.Context, aor rtc.AOR, f func(*User) error) (User, error) {
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return User{}, fmt.Errorf("waiting for another change of settings: %w", ctx.Err())
	}
	u := t.Of(aor)
	if err := f(&u); err != nil {
		return u, err
	}
	u.AOR = aor
	if err := u.check(); err != nil {
		return u, err
	}
	ctx = context.WithoutCancel(ctx) // memory and Store stay alike
	var err error
	if u.IsZero() {
		err = t.store.DeleteSettings(ctx, aor)
	} else {
		err = t.store.PutSettings(ctx, u)
	}
	if err != nil {
		return u, fmt.Errorf("storing the settings of %s: %w", aor, err)
	}
	if u.IsZero() {
		t.users.Delete(aor)
	} else {
		t.users.Store(aor, u)
	}
	t.log.Info("settings changed", "aor", string(aor))
	for _, f := range t.watch {
		f(aor)
	}
	return u, nil
}

// Forget removes what a user has set, when there is no such user any more.
func (t *Table) Forget(ctx context.Context, aor rtc.AOR) error {
	if _, ok := t.users.Load(aor); !ok {
		return nil
	}
	_, err := t.Change(ctx, aor, func(u *User) error { *u = User{}; return nil })
	return err
}
