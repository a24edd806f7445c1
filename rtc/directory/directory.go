// Package directory knows the users: who exists, under which addresses, and
// what proves it is them. The working copy is in memory; a Store keeps it.
//
// It owns users, aliases and digest secrets. A secret is kept as hashes only
// and shown once, when it is made. It does not verify anything (package auth
// does) and does not know where a user is reachable (package location does).
package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/digest"
)

// User is one user of a domain of ours.
type User struct {
	AOR         rtc.AOR
	DisplayName string
	Mail        string
	Department  string
	Site        string   // where the user works, "" is the default site
	Extension   string   // short number within the site, digits; "" is none
	Groups      []string // in order
	Enabled     bool
	Aliases     []rtc.AOR // further addresses, telephone numbers ("sip:+4930123@example.com", "tel:+4930123") included
	// Direct is the one device of the user that an alias leads to, see DeviceOf: its name,
	// or its instance as a URN (RFC 5626). What is not in it leads to all devices.
	Direct  map[rtc.AOR]string
	Created time.Time
	Changed time.Time
}

// Credential is a digest secret of a user: the user's own password (Device "")
// or a generated device password. Only hashes are kept (H(A1) of RFC 8760:
// H(username:realm:password)).
type Credential struct {
	AOR       rtc.AOR
	Device    string // "" for the user's own password
	Username  string // as the client sends it in Digest
	Realm     string
	MD5       [16]byte
	SHA256    [32]byte
	SHA512256 [32]byte
	// MD5Long is H(A1) of the longer names old phones send instead of
	// Username, indexed by Spelling-1; they know MD5 only.
	MD5Long  [3][16]byte
	Created  time.Time
	LastUsed time.Time
}

// Store keeps users and credentials durably. Methods return when the change is on
// disk. An alias, or an extension of a site, that another user has is ErrExists. Package storetest checks an
// implementation.
type Store interface {
	Users(ctx context.Context, each func(User)) error
	Credentials(ctx context.Context, each func(Credential)) error
	PutUser(ctx context.Context, u User) error // insert or replace, by AOR
	// PutUsers inserts or replaces many at once, all or none.
	PutUsers(ctx context.Context, users []User, credentials []Credential) error
	DeleteUser(ctx context.Context, aor rtc.AOR) error     // and its credentials, bindings are the caller's matter
	PutCredential(ctx context.Context, c Credential) error // insert or replace, by AOR and Device
	// DeleteDevice deletes the credential of a device, and puts its user as he is
	// without it; both or neither.
	DeleteDevice(ctx context.Context, u User, device string) error
	// PutUses replaces all that is kept of when secrets were last used, which
	// Credentials then tells as LastUsed where it is later, of secrets made
	// before. An error may leave a
	// part of it written.
	PutUses(ctx context.Context, uses iter.Seq[Use]) error
}

// Errors of changes. What is returned wraps one of them and names the remedy.
var (
	ErrExists        = errors.New("address is taken")
	ErrUnknownUser   = errors.New("no such user")
	ErrUnknownDomain = errors.New("not a domain of this server")
	ErrUnknownDevice = errors.New("no such device")
	ErrUnknownAlias  = errors.New("no alias")
	ErrInvalid       = errors.New("not allowed")
	ErrTooMany       = errors.New("too many")
)

// MaxSecrets is how many secrets one user may have, the own password included:
// the gate tries them one after the other. A line that many desk phones share
// needs one for each.
const MaxSecrets = 64

// Directory is the working copy. Its look-ups take no lock and do not allocate;
// changes are made one at a time, in the Store first.
type Directory struct {
	store    Store
	domains  []string
	log      *slog.Logger
	turn     chan struct{} // holds one element: whoever takes it may change
	accounts accounts
	further  further
	changes  atomic.Uint64 // counts them
	sorted   atomic.Pointer[sorted]
	watchers []func(before, now *Account)
}

// New makes an empty directory of the users of domains, of which the first is
// the default. Load fills it.
func New(store Store, domains []string, log *slog.Logger) *Directory {
	d := &Directory{store: store, log: log, turn: make(chan struct{}, 1)}
	for _, name := range domains {
		d.domains = append(d.domains, strings.ToLower(name))
	}
	d.accounts.init(d.DefaultDomain())
	d.further.init(d.DefaultDomain())
	d.turn <- struct{}{}
	return d
}

// Accept names the algorithms by which users prove who they are; without it, all do.
// Hashes of the others stay in the Store: 300,000 users have to fit. It is called before
// there are users.
func (d *Directory) Accept(algorithms ...digest.Algorithm) {
	d.accounts.spare = 0
	if !slices.Contains(algorithms, digest.SHA512256) {
		d.accounts.spare |= packedSHA512256
	}
	if !slices.Contains(algorithms, digest.MD5) {
		d.accounts.spare |= packedLong
	}
	d.accounts.clear()
}

// Settle is called when nobody asks for users any more: those asked for last are kept
// packed alone. Unpacked they were made in the midst of what a burst made, and each would
// keep the memory around it.
func (d *Directory) Settle() { d.accounts.settle() }

// begin waits for the turn to change something; done gives it back. The change
// then goes through even when the caller does not wait for it, so that memory and
// Store stay alike: the context returned has no end.
func (d *Directory) begin(ctx context.Context) (during context.Context, done func(), err error) {
	select {
	case <-d.turn:
		return context.WithoutCancel(ctx), func() { d.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return ctx, nil, fmt.Errorf("waiting for another change of the directory: %w", ctx.Err())
	}
}

// DefaultDomain is the first of the domains, "" when there is none.
func (d *Directory) DefaultDomain() string {
	if len(d.domains) == 0 {
		return ""
	}
	return d.domains[0]
}

// Domains we serve, the default one first.
func (d *Directory) Domains() []string { return slices.Clone(d.domains) }

// Count is how many users there are.
func (d *Directory) Count() int { return d.accounts.count() }

// Users returns all users, sorted by domain, then name.
func (d *Directory) Users() []User { return slices.Collect(d.After("")) }
