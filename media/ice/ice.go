// Package ice is the server's part of ICE: a lite agent (RFC 8445 §2.5) that answers
// connectivity checks, learns the pair that the browser nominates, and notices when
// consent (RFC 7675) ends. It sends no checks of its own.
//
// It owns the credentials of one side and reads and writes STUN (RFC 8489). It has no
// socket and no clock: its owner passes packets and the time in, and sends the
// responses. The owner also handles candidates.
package ice

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"log/slog"
	"net/netip"
	"time"
)

// Agent is one side's ICE state; Ufrag and Pwd go into our SDP. It is not safe for
// concurrent use. No way of printing it shows a password.
type Agent struct {
	Ufrag, Pwd string

	now, past   *credentials // past: those from before a restart, valid until a nomination with the new ones
	remoteUfrag string
	remotePwd   string
	remotePast  string // their ufrag before a restart

	selected   netip.AddrPort
	consent    time.Time
	nomination uint32
	seen       checks
	req        request
}

// credentials sign and verify with one password. The hashes are kept, so that a check
// allocates nothing.
type credentials struct {
	ufrag  string
	sha1   hash.Hash
	sha256 hash.Hash
	sum    [sha256.Size]byte
}

// New makes an agent with random credentials.
func New() (*Agent, error) {
	a := &Agent{}
	if err := a.renew(); err != nil {
		return nil, err
	}
	return a, nil
}

// renew draws 48 random bits for the name and 144 for the password; RFC 8445 §5.3
// requires at least 24 and 128. Base64 uses only characters that ICE allows.
func (a *Agent) renew() error {
	var random [6 + 18]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("making ICE credentials: %w", err)
	}
	a.Ufrag = base64.StdEncoding.EncodeToString(random[:6])
	a.Pwd = base64.StdEncoding.EncodeToString(random[6:])
	a.now = newCredentials(a.Ufrag, a.Pwd)
	return nil
}

func newCredentials(ufrag, pwd string) *credentials {
	return &credentials{ufrag: ufrag, sha1: hmac.New(sha1.New, []byte(pwd)), sha256: hmac.New(sha256.New, []byte(pwd))}
}

// Remote sets the far side's credentials from its SDP. New ones are an ICE restart: the
// selected pair stays until a new nomination (RFC 8445 §9), and checks with the old
// name are accepted until then. Also call Restart, so that our SDP answers with new
// ones.
func (a *Agent) Remote(ufrag, pwd string) {
	if a.remoteUfrag == ufrag && a.remotePwd == pwd {
		return
	}
	a.remotePast = a.remoteUfrag
	a.remoteUfrag, a.remotePwd = ufrag, pwd
	a.nomination = 0
}

// Restarts reports whether credentials from SDP differ from those before, that is,
// whether the far side restarts ICE (RFC 8839 §4.4.1.1.1).
func (a *Agent) Restarts(ufrag, pwd string) bool {
	return a.remoteUfrag != "" && (a.remoteUfrag != ufrag || a.remotePwd != pwd)
}

// Restart makes new credentials of ours, to answer a restart or to offer one. The old
// ones still answer checks, so that consent continues, until a pair is nominated with
// the new ones. The owner of a shared port must be told the new Ufrag.
func (a *Agent) Restart() error {
	old := a.now
	if err := a.renew(); err != nil {
		return err
	}
	a.past = old
	a.nomination = 0
	return nil
}

// Selected returns the far address of the nominated pair; it is invalid before a
// nomination.
func (a *Agent) Selected() netip.AddrPort { return a.selected }

// Consent returns when the last valid check of the selected pair came. By RFC 7675 §5.1
// it expires after 30 seconds.
func (a *Agent) Consent() time.Time { return a.consent }

// String returns our name and the selected address.
func (a *Agent) String() string { return fmt.Sprintf("ice %s selected %v", a.Ufrag, a.selected) }

// Format hides the password from every verb.
func (a *Agent) Format(f fmt.State, verb rune) { _, _ = f.Write([]byte(a.String())) }

// LogValue hides the password from slog.
func (a *Agent) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText hides the password from JSON and the like.
func (a *Agent) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// checks remembers the last authenticated transactions and their sources. A check does
// not protect its source address, and a lite agent does not test it: somebody could
// record a check and repeat it from another address to redirect the media.
type checks struct {
	ring [256]check
	next int
}

type check struct {
	id   [8]byte // part of the 96 random bits of the transaction
	from netip.AddrPort
}

// moved reports whether the transaction came from another address before; otherwise it
// stores the address.
func (c *checks) moved(id []byte, from netip.AddrPort) bool {
	key := binary.BigEndian.Uint64(id)
	for i := range c.ring {
		if binary.BigEndian.Uint64(c.ring[i].id[:]) == key && c.ring[i].from.IsValid() {
			return c.ring[i].from != from
		}
	}
	copy(c.ring[c.next].id[:], id)
	c.ring[c.next].from = from
	c.next = (c.next + 1) % len(c.ring)
	return false
}
