package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/sipphone"
)

// Add makes new phones, all or none, and opens their windows.
func (v *Inventory) Add(ctx context.Context, add ...sipphone.Phone) error {
	ctx, done, err := v.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	now := time.Now()
	add = slices.Clone(add)
	coming, lines := make(map[sipphone.MAC]bool, len(add)), make(map[rtc.AOR]int)
	for i := range add {
		p := &add[i]
		if p.Generation == 0 {
			p.Generation = 1
		}
		p.Created, p.Changed, p.Window = now, now, now.Add(v.cfg.Window)
		if _, err := v.Get(p.MAC); err == nil || coming[p.MAC] {
			return fmt.Errorf("phone %s: %w: change it with assign, or remove it first", p.MAC.Colons(), sipphone.ErrExists)
		}
		coming[p.MAC] = true
		if err := v.check(p, lines); err != nil {
			return err
		}
	}
	if v.Count()+len(add) > sipphone.MaxPhones {
		return fmt.Errorf("%w phones: there may be %d", sipphone.ErrTooMany, sipphone.MaxPhones)
	}
	if err := v.keep(ctx, add); err != nil {
		return err
	}
	for i := range add {
		v.adopted(add[i].MAC)
		v.cfg.Log.Info("phone added", "mac", add[i].MAC, "family", add[i].Family, "lines", len(add[i].Lines), "window", add[i].Window)
	}
	return nil
}

// Change has f change a copy of a phone. Its MAC stays. Lines that it loses are
// worthless at once; those that move or are new get their secrets.
func (v *Inventory) Change(ctx context.Context, mac sipphone.MAC, f func(*sipphone.Phone) error) (sipphone.Phone, error) {
	ctx, done, err := v.begin(ctx)
	if err != nil {
		return sipphone.Phone{}, err
	}
	defer done()
	old, err := v.Get(mac)
	if err != nil {
		return old, err
	}
	p := clone(old)
	if err := f(&p); err != nil {
		return old, err
	}
	p.MAC, p.Created, p.Changed = old.MAC, old.Created, time.Now()
	if err := v.check(&p, make(map[rtc.AOR]int)); err != nil {
		return old, err
	}
	if err := v.revoke(ctx, &old, &p); err != nil {
		return old, err
	}
	if err := v.keep(ctx, []sipphone.Phone{p}); err != nil {
		v.arm(ctx, &old)
		return old, err
	}
	v.cfg.Log.Info("phone changed", "mac", mac, "lines", len(p.Lines), "generation", p.Generation)
	return p, nil
}

// clone copies what a change may write into.
func clone(p sipphone.Phone) sipphone.Phone {
	p.Lines, p.Keys, p.Guest, p.Settings = slices.Clone(p.Lines), slices.Clone(p.Keys), slices.Clone(p.Guest), maps.Clone(p.Settings)
	return p
}

// revoke makes the secrets of those lines of old worthless which next does not
// have in the same place.
func (v *Inventory) revoke(ctx context.Context, old, next *sipphone.Phone) error {
	for i, l := range old.Lines {
		if i < len(next.Lines) && next.Lines[i].User == l.User && next.Generation == old.Generation {
			continue
		}
		if err := v.cfg.Users.RevokeDevice(ctx, l.User, old.MAC.Device(i+1)); err != nil {
			return fmt.Errorf("revoking line %d of phone %s: %w", i+1, old.MAC.Colons(), err)
		}
	}
	return nil
}

// keep stores phones, puts them into memory and arms their lines.
func (v *Inventory) keep(ctx context.Context, list []sipphone.Phone) error {
	if err := v.cfg.Store.PutPhones(ctx, list); err != nil {
		return fmt.Errorf("storing phones: %w", err)
	}
	v.mu.Lock()
	for i := range list {
		v.put(&list[i])
	}
	v.mu.Unlock()
	for i := range list {
		v.arm(ctx, &list[i])
	}
	return nil
}

// check refuses a phone that cannot be. Coming are the lines of users that phones
// bring which are added with it; check counts those of p in.
func (v *Inventory) check(p *sipphone.Phone, coming map[rtc.AOR]int) error {
	if err := p.Check(); err != nil {
		return err
	}
	families := v.cfg.Families()
	if families.Family(p.Family) == nil {
		var names []string
		for _, f := range families.All() {
			names = append(names, f.Name)
		}
		return fmt.Errorf("family %q: %w: use one of %s", p.Family, sipphone.ErrInvalid, strings.Join(names, ", "))
	}
	for _, l := range p.Lines {
		if !v.cfg.Users.Known(l.User) {
			return fmt.Errorf("line of %s: %w: there is no such user; add it with users add", l.User, sipphone.ErrInvalid)
		}
		coming[l.User]++
		if v.linesOf(l.User, p.MAC)+coming[l.User] > v.cfg.PerUser {
			return fmt.Errorf("%w lines of %s: there may be %d; raise registrar.max_bindings, or take the line from a phone", sipphone.ErrTooMany, l.User, v.cfg.PerUser)
		}
	}
	return nil
}

// linesOf counts the lines of a user on all phones but one.
func (v *Inventory) linesOf(user rtc.AOR, but sipphone.MAC) (n int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, mac := range v.users[user] {
		if mac == but {
			continue
		}
		for _, l := range v.phones[mac].Lines {
			if l.User == user {
				n++
			}
		}
	}
	return n
}

// Remove forgets a phone. Its secrets are worthless before Remove returns.
func (v *Inventory) Remove(ctx context.Context, mac sipphone.MAC) error {
	ctx, done, err := v.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := v.Get(mac)
	if err != nil {
		return err
	}
	if err := v.revoke(ctx, &old, &sipphone.Phone{}); err != nil {
		return err
	}
	if err := v.cfg.Store.DeletePhone(ctx, mac); err != nil {
		return fmt.Errorf("removing phone %s: %w", mac.Colons(), err)
	}
	v.mu.Lock()
	v.unlink(v.phones[mac])
	delete(v.phones, mac)
	delete(v.seen, mac)
	delete(v.dirty, mac)
	v.mu.Unlock()
	v.cfg.Log.Info("phone removed", "mac", mac)
	return nil
}

// Open opens the window of a phone again, for the time given.
func (v *Inventory) Open(ctx context.Context, mac sipphone.MAC, during time.Duration) error {
	return v.setWindow(ctx, mac, func(old time.Time) time.Time {
		if until := time.Now().Add(during); until.After(old) {
			return until
		}
		return old
	})
}

// Narrow leaves the window of a phone open for no longer than that: it has what
// it was opened for.
func (v *Inventory) Narrow(ctx context.Context, mac sipphone.MAC, rest time.Duration) error {
	return v.setWindow(ctx, mac, func(old time.Time) time.Time {
		if until := time.Now().Add(rest); until.Before(old) {
			return until
		}
		return old
	})
}

func (v *Inventory) setWindow(ctx context.Context, mac sipphone.MAC, to func(old time.Time) time.Time) error {
	ctx, done, err := v.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	p, err := v.Get(mac)
	if err != nil {
		return err
	}
	until := to(p.Window)
	if until.Equal(p.Window) {
		return nil
	}
	p.Window = until
	if err := v.cfg.Store.PutPhones(ctx, []sipphone.Phone{p}); err != nil {
		return fmt.Errorf("storing the window of phone %s: %w", mac.Colons(), err)
	}
	v.mu.Lock()
	v.put(&p)
	v.mu.Unlock()
	return nil
}
