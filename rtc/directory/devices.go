package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tandem/rtc"
)

// Device is a device secret as it may be shown.
type Device struct {
	Name     string
	Username string // what the phone sends as its Digest username
	Created  time.Time
	LastUsed time.Time // zero if never
}

// AddDevice makes a secret for one phone of the user and returns what to type
// into it. The user name is the same for all devices of a user, since many
// phones send their address-of-record's user part and nothing else; which
// device it is shows by the password that fits.
func (d *Directory) AddDevice(ctx context.Context, aor rtc.AOR, name string) (username, password string, err error) {
	if err := checkDevice(name); err != nil {
		return "", "", err
	}
	password = generate()
	if err := d.putSecret(ctx, aor, name, password); err != nil {
		return "", "", err
	}
	d.log.Info("device added", "aor", aor, "device", name)
	return aor.User(), password, nil
}

// SetDevice gives a device of the user that password, in place of the one it had.
// Whoever can make the password again need not show it to anybody; a device that
// has it already costs no write.
func (d *Directory) SetDevice(ctx context.Context, aor rtc.AOR, name, password string) error {
	if err := checkDevice(name); err != nil {
		return err
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	if old, err := d.account(aor); err == nil && slices.ContainsFunc(old.Secrets, func(s *Secret) bool {
		return s.Identity.Device == name && s.SHA256 == newCredential(aor, name, password, time.Time{}).SHA256
	}) {
		return nil
	}
	if err := d.placeSecret(ctx, aor, name, password, true); err != nil {
		return err
	}
	d.log.Info("device set", "aor", aor, "device", name)
	return nil
}

// RevokeDevice makes a device's password worthless. Numbers that led to that device
// alone lead to all devices of the user then.
func (d *Directory) RevokeDevice(ctx context.Context, aor rtc.AOR, name string) error {
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := d.account(aor)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(old.Secrets, func(s *Secret) bool { return s.Identity.Device == name && name != "" })
	if i < 0 {
		return fmt.Errorf("device %q of %s: %w: see the list of devices", name, aor, ErrUnknownDevice)
	}
	u := old.User
	u.dropDirect(func(_ rtc.AOR, device string) bool { return device == name })
	if err := d.store.DeleteDevice(ctx, u, name); err != nil {
		return fmt.Errorf("revoking device %q of %s: %w", name, aor, err)
	}
	now := &Account{User: u, Secrets: slices.Delete(slices.Clone(old.Secrets), i, i+1)}
	d.publish(now)
	d.tell(old, now)
	d.log.Info("device revoked", "aor", aor, "device", name)
	return nil
}

// Devices of a user, by name.
func (d *Directory) Devices(aor rtc.AOR) ([]Device, error) {
	a, err := d.account(aor)
	if err != nil {
		return nil, err
	}
	var out []Device
	for _, s := range a.Secrets {
		if s.Identity.Device != "" {
			out = append(out, Device{Name: s.Identity.Device, Username: aor.User(), Created: s.Created(), LastUsed: s.LastUsed()})
		}
	}
	return out, nil
}

// putSecret stores a secret and puts it into memory. The own password replaces
// the one before; a device of that name must not exist.
func (d *Directory) putSecret(ctx context.Context, aor rtc.AOR, device, password string) error {
	return d.placeSecret(ctx, aor, device, password, device == "")
}

// placeSecret is putSecret, which may replace the secret of that device.
func (d *Directory) placeSecret(ctx context.Context, aor rtc.AOR, device, password string, replace bool) error {
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	old, err := d.account(aor)
	if err != nil {
		return err
	}
	next := &Account{User: old.User}
	for _, s := range old.Secrets {
		if s.Identity.Device == device && !replace {
			return fmt.Errorf("device %q of %s: %w: revoke it first or choose another name", device, aor, ErrExists)
		}
		if s.Identity.Device != device {
			next.Secrets = append(next.Secrets, s)
		}
	}
	if len(next.Secrets) >= MaxSecrets {
		return fmt.Errorf("%w secrets: a user has at most %d, revoke a device first", ErrTooMany, MaxSecrets)
	}
	s := newSecret(newCredential(aor, device, password, time.Now()))
	if err := d.store.PutCredential(ctx, s.Credential()); err != nil {
		return fmt.Errorf("storing a secret of %s: %w", aor, err)
	}
	next.Secrets = append(next.Secrets, s)
	slices.SortFunc(next.Secrets, compareSecrets)
	d.publish(next)
	d.tell(old, next)
	return nil
}
