package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tandem/rtc"
)

// Change is what to change of a user; what is nil stays as it is.
type Change struct {
	DisplayName, Mail, Department, Site, Extension *string

	Numbers *[]string // telephone numbers, as ParseAlias reads them; other aliases stay
	Groups  *[]string
}

// Change changes what is known of a user, all of it or nothing.
func (d *Directory) Change(ctx context.Context, aor rtc.AOR, c Change) error {
	return d.alter(ctx, aor, "user changed", func(u *User) error {
		for _, f := range []struct{ to, from *string }{
			{&u.DisplayName, c.DisplayName}, {&u.Mail, c.Mail}, {&u.Department, c.Department},
			{&u.Site, c.Site}, {&u.Extension, c.Extension},
		} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		if c.Groups != nil {
			u.Groups = *c.Groups
		}
		if c.Numbers != nil {
			if err := u.setNumbers(*c.Numbers); err != nil {
				return err
			}
		}
		return checkProfile(u)
	})
}

// alter puts what change makes of a user in their place, in the Store first.
func (d *Directory) alter(ctx context.Context, aor rtc.AOR, what string, change func(*User) error) error {
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := d.account(aor)
	if err != nil {
		return err
	}
	u := old.User
	if err := change(&u); err != nil {
		return err
	}
	u.Changed = time.Now()
	u.dropDirect(func(alias rtc.AOR, _ string) bool { return !slices.Contains(u.Aliases, alias) })
	next := &Account{User: u, Secrets: old.Secrets}
	if err := d.checkFree(next, old); err != nil {
		return err
	}
	if err := d.store.PutUser(ctx, next.User); err != nil {
		return fmt.Errorf("storing user %s: %w", aor, err)
	}
	d.publish(next)
	kept, gone := next.further(), make(map[string]rtc.AOR)
	for _, key := range old.further() {
		if !slices.Contains(kept, key) {
			gone[key] = ""
		}
	}
	d.further.change(gone)
	d.tell(old, next)
	d.log.Info(what, "aor", aor, "enabled", next.Enabled, "aliases", next.Aliases)
	return nil
}
