// Package directory knows the users: who exists, under which addresses, and
// what proves it is them. The working copy is in memory; a Store keeps it.
package directory

import (
	"context"
	"time"

	"tandem/rtc"
)

// User is one user of a domain of ours.
type User struct {
	AOR         rtc.AOR
	DisplayName string
	Enabled     bool
	Aliases     []rtc.AOR // further addresses, telephone numbers ("sip:+4930123@example.com", "tel:+4930123") included
	Created     time.Time
	Changed     time.Time
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
	Created   time.Time
	LastUsed  time.Time
}

// Store keeps users and credentials durably. Methods return when the change is on disk.
type Store interface {
	Users(ctx context.Context, each func(User)) error
	Credentials(ctx context.Context, each func(Credential)) error
	PutUser(ctx context.Context, u User) error             // insert or replace, by AOR
	DeleteUser(ctx context.Context, aor rtc.AOR) error     // and its credentials, bindings are the caller's matter
	PutCredential(ctx context.Context, c Credential) error // insert or replace, by AOR and Device
	DeleteCredential(ctx context.Context, aor rtc.AOR, device string) error
}
