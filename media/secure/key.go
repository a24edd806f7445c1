package secure

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Key is a profile with its master key and salt. All ways of printing it show no
// secret. (fmt prints the octets of unexported fields: do not put Keys into structs
// that are printed whole.)
type Key struct {
	Profile Profile
	Master  []byte // key then salt
	MKI     []byte // nil when none
	// Others are further keys of the same a=crypto line, distinguished by MKI. They are
	// for receiving; sending uses the first key.
	Others []Key
}

// NewKey makes a random key.
func NewKey(p Profile) (Key, error) {
	s, ok := p.shape()
	if !ok {
		return Key{}, fmt.Errorf("making a key: %w %.40q", ErrProfile, string(p))
	}
	master := make([]byte, s.key+s.salt)
	if _, err := rand.Read(master); err != nil {
		return Key{}, fmt.Errorf("making a key: %w", err)
	}
	return Key{Profile: p, Master: master}, nil
}

// Equal reports whether two keys are the same, in constant time. While they are the
// same after a new offer, keep the Context.
func (k Key) Equal(other Key) bool {
	same := k.Profile == other.Profile && len(k.Others) == len(other.Others) &&
		subtle.ConstantTimeCompare(k.Master, other.Master)&subtle.ConstantTimeCompare(k.MKI, other.MKI) == 1
	for i := 0; same && i < len(k.Others); i++ {
		same = k.Others[i].Equal(other.Others[i])
	}
	return same
}

// check returns an error unless the key has the length for its profile.
func (k Key) check() (shape, error) {
	s, ok := k.Profile.shape()
	if !ok {
		return s, fmt.Errorf("%w %.40q", ErrProfile, string(k.Profile))
	}
	if len(k.Master) != s.key+s.salt {
		return s, fmt.Errorf("%w: %s takes %d octets of key and salt, not %d", ErrKey, k.Profile, s.key+s.salt, len(k.Master))
	}
	if len(k.MKI) > maxMKI {
		return s, fmt.Errorf("%w: an MKI of %d octets, at most %d", ErrKey, len(k.MKI), maxMKI)
	}
	return s, nil
}

// String is the profile alone.
func (k Key) String() string { return string(k.Profile) + " (secret)" }

// GoString hides the key from %#v.
func (k Key) GoString() string { return "secure.Key{" + k.String() + "}" }

// Format hides the key from every verb, %x among them.
func (k Key) Format(f fmt.State, verb rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue hides the key from slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText hides the key from JSON and the like.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
