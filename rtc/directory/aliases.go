package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tandem/rtc"
)

// AddAlias gives a user one more address or number, as ParseAlias reads it. One
// they have is no error.
func (d *Directory) AddAlias(ctx context.Context, aor rtc.AOR, alias string) error {
	return d.setAlias(ctx, aor, alias, func(list []rtc.AOR, alias rtc.AOR) ([]rtc.AOR, error) {
		if alias == aor || slices.Contains(list, alias) {
			return list, nil
		}
		return append(list, alias), nil
	})
}

// RemoveAlias takes an address or number from a user; the own address stays.
func (d *Directory) RemoveAlias(ctx context.Context, aor rtc.AOR, alias string) error {
	return d.setAlias(ctx, aor, alias, func(list []rtc.AOR, alias rtc.AOR) ([]rtc.AOR, error) {
		i := slices.Index(list, alias)
		if i < 0 {
			return nil, fmt.Errorf("%s: %w of %s: see the list of users", alias, ErrUnknownAlias, aor)
		}
		return slices.Delete(list, i, i+1), nil
	})
}

func (d *Directory) setAlias(ctx context.Context, aor rtc.AOR, text string, change func(list []rtc.AOR, alias rtc.AOR) ([]rtc.AOR, error)) error {
	alias, err := d.ParseAlias(text, aor.Domain())
	if err != nil {
		return fmt.Errorf("alias: %w", err)
	}
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := d.account(aor)
	if err != nil {
		return err
	}
	u := old.User()
	if u.Aliases, err = change(slices.Clone(u.Aliases), alias); err != nil {
		return err
	}
	next := newAccount(u, old.Secrets)
	next.changed = millis(time.Now())
	if err := d.checkFree(next, old); err != nil {
		return err
	}
	if err := d.store.PutUser(ctx, next.User()); err != nil {
		return fmt.Errorf("storing user %s: %w", aor, err)
	}
	d.publish(next)
	kept := keys(next)
	for _, key := range keys(old) {
		if !slices.Contains(kept, key) {
			d.entries.remove(key)
		}
	}
	d.log.Info("aliases changed", "aor", aor, "aliases", next.Aliases)
	return nil
}
