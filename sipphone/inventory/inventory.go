package inventory

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/secret"
)

// Users is what the inventory needs of the directory and of the registrations.
type Users interface {
	// Known reports whether there is a user of that address.
	Known(aor rtc.AOR) bool
	// SetDevice gives a device of a user that password. One that it has already
	// costs nothing.
	SetDevice(ctx context.Context, aor rtc.AOR, device, password string) error
	// RevokeDevice makes it worthless and ends what registered with it. One that
	// is not there is no error.
	RevokeDevice(ctx context.Context, aor rtc.AOR, device string) error
}

// Config of an Inventory.
type Config struct {
	Store    Store
	Users    Users
	Secrets  *secret.Keeper
	Families func() *family.Set
	// Window is for how long files are given without credentials after a phone was
	// added or adopted.
	Window time.Duration
	// PerUser is how many lines of phones one user may have: what the directory
	// and the registrar hold for one.
	PerUser int
	Log     *slog.Logger
}

// Inventory is the working copy. Look-ups take a read lock for a moment; changes
// are made one at a time, in the Store first.
type Inventory struct {
	cfg  Config
	turn chan struct{} // holds one element: whoever takes it may change

	mu     sync.RWMutex
	phones map[sipphone.MAC]*sipphone.Phone // replaced, never changed
	users  map[rtc.AOR][]sipphone.MAC       // who has a line of the user
	seen   map[sipphone.MAC]Seen
	dirty  map[sipphone.MAC]bool // seen and not yet kept
	inbox  inbox
}

// New makes an Inventory without phones. Load fills it.
func New(cfg Config) *Inventory {
	v := &Inventory{cfg: cfg, turn: make(chan struct{}, 1), phones: make(map[sipphone.MAC]*sipphone.Phone), users: make(map[rtc.AOR][]sipphone.MAC),
		seen: make(map[sipphone.MAC]Seen), dirty: make(map[sipphone.MAC]bool)}
	v.inbox.list = make(map[sipphone.MAC]*Unknown)
	v.turn <- struct{}{}
	return v
}

// Load reads everything from the Store and sees that every line has its secret:
// the last change may have been cut short.
func (v *Inventory) Load(ctx context.Context) error {
	ctx, done, err := v.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	var list []sipphone.Phone
	if err := v.cfg.Store.Phones(ctx, func(p sipphone.Phone) { list = append(list, p) }); err != nil {
		return fmt.Errorf("loading phones: %w", err)
	}
	seen := make(map[sipphone.MAC]Seen)
	if err := v.cfg.Store.Seen(ctx, func(s Seen) { seen[s.MAC] = s }); err != nil {
		return fmt.Errorf("loading what phones did: %w", err)
	}
	v.mu.Lock()
	for i := range list {
		v.put(&list[i])
	}
	v.seen = seen
	v.mu.Unlock()
	for i := range list {
		v.arm(ctx, &list[i])
	}
	return nil
}

// arm gives the lines of a phone their secrets. A line whose user is gone stays
// without; that shows in the list.
func (v *Inventory) arm(ctx context.Context, p *sipphone.Phone) {
	for i, l := range p.Lines {
		if !v.cfg.Users.Known(l.User) {
			v.cfg.Log.Warn("line of a phone has no user", "mac", p.MAC, "aor", l.User)
			continue
		}
		if err := v.cfg.Users.SetDevice(ctx, l.User, p.MAC.Device(i+1), v.secret(p, i)); err != nil {
			v.cfg.Log.Error("giving a line its secret", "mac", p.MAC, "aor", l.User, "err", err)
		}
	}
}

func (v *Inventory) secret(p *sipphone.Phone, line int) string {
	return v.cfg.Secrets.Line(p.MAC, line+1, p.Generation, p.Lines[line].User)
}

// Secrets of the lines of a phone, in their order.
func (v *Inventory) Secrets(p *sipphone.Phone) []string {
	list := make([]string, len(p.Lines))
	for i := range p.Lines {
		list[i] = v.secret(p, i)
	}
	return list
}

// put puts a phone into memory, under the lock.
func (v *Inventory) put(p *sipphone.Phone) {
	v.unlink(v.phones[p.MAC])
	v.phones[p.MAC] = p
	for _, l := range p.Lines {
		if !slices.Contains(v.users[l.User], p.MAC) {
			v.users[l.User] = append(v.users[l.User], p.MAC)
		}
	}
}

func (v *Inventory) unlink(p *sipphone.Phone) {
	if p == nil {
		return
	}
	for _, l := range p.Lines {
		list := slices.DeleteFunc(slices.Clone(v.users[l.User]), func(m sipphone.MAC) bool { return m == p.MAC })
		if len(list) == 0 {
			delete(v.users, l.User)
		} else {
			v.users[l.User] = list
		}
	}
}

// Get returns a phone. Its lists must not be changed.
func (v *Inventory) Get(mac sipphone.MAC) (sipphone.Phone, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if p := v.phones[mac]; p != nil {
		return *p, nil
	}
	return sipphone.Phone{}, unknown(mac)
}

func unknown(mac sipphone.MAC) error {
	return fmt.Errorf("phone %s: %w: see the list of phones, or add it", mac.Colons(), sipphone.ErrUnknown)
}

// List of all phones, by MAC.
func (v *Inventory) List() []sipphone.Phone {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := make([]sipphone.Phone, 0, len(v.phones))
	for _, mac := range slices.Sorted(maps.Keys(v.phones)) {
		list = append(list, *v.phones[mac])
	}
	return list
}

// Count of the phones.
func (v *Inventory) Count() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.phones)
}

// Of returns the phones that have a line of a user.
func (v *Inventory) Of(user rtc.AOR) []sipphone.MAC {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.users[user])
}

// begin waits for the turn to change something; done gives it back. The change
// then goes through even when the caller does not wait for it, so that memory and
// Store stay alike: the context returned has no end.
func (v *Inventory) begin(ctx context.Context) (during context.Context, done func(), err error) {
	select {
	case <-v.turn:
		return context.WithoutCancel(ctx), func() { v.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return ctx, nil, fmt.Errorf("waiting for another change of the phones: %w", ctx.Err())
	}
}

// FilesPassword is the password with which a phone asks for its files.
func (v *Inventory) FilesPassword(p *sipphone.Phone) string {
	return v.cfg.Secrets.Files(p.MAC, p.Generation)
}
