package directory

import (
	"context"
	"fmt"
	"slices"

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
	return d.alter(ctx, aor, "aliases changed", func(u *User) (err error) {
		u.Aliases, err = change(slices.Clone(u.Aliases), alias)
		return err
	})
}
