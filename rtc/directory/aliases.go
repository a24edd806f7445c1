package directory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tandem/rtc"
)

// AddAlias gives a user one more address or number, as ParseAlias reads it, which leads
// to all devices of the user. One they have is no error.
func (d *Directory) AddAlias(ctx context.Context, aor rtc.AOR, alias string) error {
	return d.AddDirect(ctx, aor, alias, "")
}

// AddDirect is AddAlias of an address or number that leads to one device of the user,
// named as Devices names it or by its instance ("urn:…"); "" is all.
func (d *Directory) AddDirect(ctx context.Context, aor rtc.AOR, alias, device string) error {
	return d.setAlias(ctx, aor, alias, func(u *User, alias rtc.AOR) error {
		if err := d.checkDirect(aor, device); err != nil {
			return err
		}
		switch {
		case alias == aor && device != "":
			return fmt.Errorf("%s: %w: the user's own address leads to all devices", alias, ErrInvalid)
		case alias != aor && !slices.Contains(u.Aliases, alias):
			u.Aliases = append(slices.Clone(u.Aliases), alias)
		}
		u.dropDirect(func(a rtc.AOR, _ string) bool { return a == alias })
		if device != "" {
			if u.Direct == nil {
				u.Direct = make(map[rtc.AOR]string)
			}
			u.Direct[alias] = device
		}
		return nil
	})
}

// RemoveAlias takes an address or number from a user; the own address stays.
func (d *Directory) RemoveAlias(ctx context.Context, aor rtc.AOR, alias string) error {
	return d.setAlias(ctx, aor, alias, func(u *User, alias rtc.AOR) error {
		i := slices.Index(u.Aliases, alias)
		if i < 0 {
			return fmt.Errorf("%s: %w of %s: see the list of users", alias, ErrUnknownAlias, aor)
		}
		u.Aliases = slices.Delete(slices.Clone(u.Aliases), i, i+1)
		return nil
	})
}

func (d *Directory) setAlias(ctx context.Context, aor rtc.AOR, text string, change func(u *User, alias rtc.AOR) error) error {
	alias, err := d.ParseAlias(text, aor.Domain())
	if err != nil {
		return fmt.Errorf("alias: %w", err)
	}
	return d.alter(ctx, aor, "aliases changed", func(u *User) error { return change(u, alias) })
}

// maxInstance bounds the URN of an instance.
const maxInstance = 256

// IsInstance tells the instance of a device from its name.
func IsInstance(device string) bool { return strings.HasPrefix(strings.ToLower(device), "urn:") }

// checkDirect wants a device that the user has, or an instance, which may register later.
// It is called within a change, so that nobody revokes the device meanwhile.
func (d *Directory) checkDirect(aor rtc.AOR, device string) error {
	switch {
	case device == "":
		return nil
	case IsInstance(device):
		if len(device) > maxInstance || strings.ContainsFunc(device, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) {
			return fmt.Errorf("device %q: %w: write its instance as registrations show it, urn:uuid:…", device, ErrInvalid)
		}
		return nil
	}
	list, err := d.Devices(aor)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(x Device) bool { return x.Name == device }) {
		return fmt.Errorf("device %q of %s: %w: see the list of devices, or name its instance, urn:uuid:…", device, aor, ErrUnknownDevice)
	}
	return nil
}

// dropDirect has aliases lead to all devices again. Direct is a copy then, which may be
// changed.
func (u *User) dropDirect(drop func(alias rtc.AOR, device string) bool) {
	left := maps.Clone(u.Direct)
	maps.DeleteFunc(left, drop)
	u.Direct = left
}

// DeviceOf is the one device that an address of the user leads to, its name or its
// instance, see IsInstance; "" for all devices.
func (u *User) DeviceOf(address rtc.AOR) string {
	for alias, device := range u.Direct {
		if matches(alias, []byte(address), u.AOR) {
			return device
		}
	}
	return ""
}
