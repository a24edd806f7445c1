// Package secure protects media: SRTP with keys from SDP (SDES, RFC 4568) or
// from a DTLS handshake on the media port (RFC 5764). Replay protection is
// always on. A key is never logged.
package secure

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// Profile is an SRTP protection profile by its SDES name, as in RFC 4568 §6.2,
// RFC 6188 and RFC 7714.
type Profile string

// Profiles in the order we offer them.
var Profiles = []Profile{"AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"}

// Key is a profile with its master key and salt; its String shows no secret.
type Key struct {
	Profile Profile
	Master  []byte // key then salt
	MKI     []byte // nil when none
}

// NewKey makes a random key.
func NewKey(p Profile) (Key, error) { panic("unwritten") }

// ParseKey reads the suite and the "inline:..." part of an a=crypto line.
func ParseKey(suite, inline string) (Key, error) { panic("unwritten") }

// Inline is the key as an a=crypto line shows it.
func (k Key) Inline() string { panic("unwritten") }

// Context protects or unprotects one direction, RTP and RTCP. Not safe for two
// goroutines. Rekeying keeps nothing of the old key; resuming after a hold
// keeps the roll-over counters.
type Context struct{}

// NewContext makes the context of one direction.
func NewContext(k Key) (*Context, error) { panic("unwritten") }

// Protect protects a RTP (or RTCP) packet in place; b must have 64 octets of
// spare capacity. No allocation.
func (c *Context) Protect(b []byte) ([]byte, error)     { panic("unwritten") }
func (c *Context) ProtectRTCP(b []byte) ([]byte, error) { panic("unwritten") }

// Unprotect checks and opens a packet in place. Errors tell replay from a
// wrong key.
func (c *Context) Unprotect(b []byte) ([]byte, error)     { panic("unwritten") }
func (c *Context) UnprotectRTCP(b []byte) ([]byte, error) { panic("unwritten") }

// Identity is the certificate DTLS shows, made at start, and its fingerprint.
type Identity struct {
	Certificate       tls.Certificate
	Hash, Fingerprint string // sha-256, colon-separated upper-case hex
}

func NewIdentity() (*Identity, error) { panic("unwritten") }

// Handshake is one DTLS-SRTP handshake over a socket its owner demultiplexes
// (RFC 7983). It runs on a goroutine of its own, which ends with Close.
type Handshake struct{}

// HandshakeConfig says how.
type HandshakeConfig struct {
	Identity          *Identity
	Active            bool   // we send the ClientHello
	Hash, Fingerprint string // the far side's, from its SDP; anything else fails
	Send              func(b []byte, to netip.AddrPort) error
	Timeout           time.Duration // 0: 20 s
	// Done is called once, from the handshake's goroutine.
	Done func(send, receive Key, err error)
}

func NewHandshake(c HandshakeConfig) *Handshake { panic("unwritten") }

// Packet gives it a received DTLS record. It never blocks: more than it can
// hold is dropped (DTLS repeats). After the handshake it answers
// retransmissions and notes a close_notify.
func (h *Handshake) Packet(b []byte, from netip.AddrPort) { panic("unwritten") }

// Close ends it, sending close_notify when connected.
func (h *Handshake) Close() { panic("unwritten") }
