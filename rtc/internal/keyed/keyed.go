// Package keyed makes keyed checks over what we hand out and get back: tags, tokens,
// marks. Who does not have the key can neither make nor change one.
package keyed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// size of a check in octets.
const size = sha256.Size

// Check checks with one key for one purpose: HMAC-SHA-256 (RFC 2104). It may be
// used by any number of goroutines.
type Check struct {
	purpose []byte
	keyed   sync.Pool // of *prepared: preparing the key costs more than a check
}

type prepared struct {
	mac  hash.Hash
	text []byte // what is checked, in one piece: the parts need not be on the heap
	sum  [size]byte
}

// New makes a Check. A check for one purpose is none for another, with the same key.
func New(key []byte, purpose string) *Check {
	s := &Check{purpose: []byte(purpose + "\x00")}
	s.keyed.New = func() any { return &prepared{mac: hmac.New(sha256.New, key)} }
	return s
}

// Sum is the check over the parts.
func (s *Check) Sum(parts ...[]byte) (sum [size]byte) {
	c := s.keyed.Get().(*prepared)
	defer s.keyed.Put(c)
	c.text = append(c.text[:0], s.purpose...)
	for i, p := range parts {
		if i > 0 {
			c.text = append(c.text, 0)
		}
		c.text = append(c.text, p...)
	}
	c.mac.Reset()
	c.mac.Write(c.text)
	c.mac.Sum(c.sum[:0])
	return c.sum
}

// Uint64 is the beginning of the check as a number.
func (s *Check) Uint64(parts ...[]byte) uint64 {
	sum := s.Sum(parts...)
	return binary.BigEndian.Uint64(sum[:])
}
