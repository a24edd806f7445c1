package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
)

// maxAliases bounds what one user may hold.
const maxAliases = 64

// AddUser says what a new user is like.
type AddUser struct {
	AOR         rtc.AOR
	DisplayName string
	Mail        string
	Department  string
	Site        string
	Extension   string
	Groups      []string
	Numbers     []string // telephone numbers; they become aliases
	Password    string   // "" has one generated
	Hashes      Hashes   // instead of a password
	Aliases     []rtc.AOR
}

// Add makes a user, enabled, and returns the password: the one given or a
// generated one, which nobody can be told again.
func (d *Directory) Add(ctx context.Context, add AddUser) (password string, err error) {
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	account, password, err := d.prepare(add)
	if err != nil {
		return "", err
	}
	if err := d.keep(ctx, account); err != nil {
		return "", err
	}
	d.log.Info("user added", "aor", account.AOR)
	return password, nil
}

// prepare checks a new user and makes the account, without keeping it.
func (d *Directory) prepare(add AddUser) (*Account, string, error) {
	if err := d.checkAOR(add.AOR); err != nil {
		return nil, "", err
	}
	password, now := add.Password, time.Now()
	var credential Credential
	switch {
	case add.Hashes != (Hashes{}):
		if password != "" {
			return nil, "", fmt.Errorf("%w: a password and hashes of one exclude each other; give one of them", ErrInvalid)
		}
		var err error
		if credential, err = add.Hashes.credential(add.AOR, now); err != nil {
			return nil, "", err
		}
	default:
		if password == "" {
			password = generate()
		}
		if err := checkPassword(password); err != nil {
			return nil, "", err
		}
		credential = newCredential(add.AOR, "", password, now)
	}
	u := User{AOR: add.AOR, DisplayName: add.DisplayName, Mail: add.Mail, Department: add.Department, Site: add.Site,
		Extension: add.Extension, Groups: add.Groups, Enabled: true, Created: now, Changed: now}
	if err := u.setNumbers(add.Numbers); err != nil {
		return nil, "", err
	}
	if err := checkProfile(&u); err != nil {
		return nil, "", err
	}
	for _, alias := range add.Aliases {
		alias, err := d.ParseAlias(string(alias), u.AOR.Domain())
		if err != nil {
			return nil, "", fmt.Errorf("alias: %w", err)
		}
		if alias != u.AOR && !slices.Contains(u.Aliases, alias) {
			u.Aliases = append(u.Aliases, alias)
		}
	}
	account := &Account{User: u}
	if err := d.checkFree(account, nil); err != nil {
		return nil, "", err
	}
	account.Secrets = []*Secret{newSecret(credential)}
	return account, password, nil
}

// checkFree wants every address of u to lead to nobody but self, which is u as it
// was, nil when it is new.
func (d *Directory) checkFree(u, self *Account) error {
	if len(u.Aliases) > maxAliases {
		return fmt.Errorf("%w aliases: a user has at most %d", ErrTooMany, maxAliases)
	}
	for _, key := range append([]string{string(u.AOR)}, u.further()...) {
		owner, taken := d.owner(key)
		switch {
		case !taken, self != nil && owner == self.AOR:
		case string(u.AOR) == key && string(owner) == key:
			return fmt.Errorf("user %s: %w: choose another name, or change the password of that user instead", key, ErrExists)
		case strings.HasPrefix(key, "ext:"):
			return fmt.Errorf("extension %s of site %q: %w by %s: choose another, or remove it there first", u.Extension, u.Site, ErrExists, owner)
		default:
			return fmt.Errorf("address %s: %w by %s: remove it there first", key, ErrExists, owner)
		}
	}
	return nil
}

// keep writes new accounts to the Store, all or none, and then into memory.
func (d *Directory) keep(ctx context.Context, accounts ...*Account) error {
	users := make([]User, 0, len(accounts))
	credentials := make([]Credential, 0, len(accounts))
	for _, a := range accounts {
		users = append(users, a.User)
		for _, s := range a.Secrets {
			credentials = append(credentials, s.Credential())
		}
	}
	if err := d.store.PutUsers(ctx, users, credentials); err != nil {
		return fmt.Errorf("adding users: %w", err)
	}
	d.publish(accounts...)
	return nil
}

// publish puts accounts into memory, in place of those of the same users.
func (d *Directory) publish(accounts ...*Account) {
	further := make(map[string]rtc.AOR)
	for _, a := range accounts {
		for _, key := range a.further() {
			further[key] = a.AOR
		}
	}
	d.accounts.put(accounts...)
	d.further.change(further)
	d.changed()
}

// Unknown is the error about a user who does not exist, or shall not seem to.
func Unknown(aor rtc.AOR) error {
	return fmt.Errorf("user %s: %w: see the list of users", aor, ErrUnknownUser)
}

func (d *Directory) account(aor rtc.AOR) (*Account, error) {
	if a := d.accounts.getString(string(aor)); a != nil {
		return a, nil
	}
	return nil, Unknown(aor)
}

// SetPassword replaces the user's own password, "" by a generated one, and
// returns it. Device passwords stay.
func (d *Directory) SetPassword(ctx context.Context, aor rtc.AOR, password string) (string, error) {
	if password == "" {
		password = generate()
	}
	if err := checkPassword(password); err != nil {
		return "", err
	}
	if err := d.putSecret(ctx, aor, "", password); err != nil {
		return "", err
	}
	d.log.Info("password changed", "aor", aor)
	return password, nil
}

// Enable lets a user in again.
func (d *Directory) Enable(ctx context.Context, aor rtc.AOR) error {
	return d.setEnabled(ctx, aor, true)
}

// Disable keeps a user and shuts them out. Bindings are the caller's matter.
func (d *Directory) Disable(ctx context.Context, aor rtc.AOR) error {
	return d.setEnabled(ctx, aor, false)
}

func (d *Directory) setEnabled(ctx context.Context, aor rtc.AOR, enabled bool) error {
	return d.alter(ctx, aor, "user changed", func(u *User) error { u.Enabled = enabled; return nil })
}

// Delete forgets a user, aliases and secrets. Bindings are the caller's matter.
func (d *Directory) Delete(ctx context.Context, aor rtc.AOR) error {
	ctx, done, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	a, err := d.account(aor)
	if err != nil {
		return err
	}
	if err := d.store.DeleteUser(ctx, aor); err != nil {
		return fmt.Errorf("deleting user %s: %w", aor, err)
	}
	gone := make(map[string]rtc.AOR)
	for _, key := range a.further() {
		gone[key] = ""
	}
	d.further.change(gone)
	d.accounts.remove(aor)
	d.changed()
	d.tell(a, nil)
	d.log.Info("user deleted", "aor", aor)
	return nil
}
