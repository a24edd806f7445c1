// Package seal hides secrets that must be read again, such as the password of
// a trunk, before they go into the store: a copy of the database alone does not
// give them away. It uses AES-256-GCM with a key derived from the key file of
// the data folder (HKDF, RFC 5869), another one for each purpose.
//
// It does not protect against somebody who has the key file as well.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// version is the first octet of what is sealed.
const version = 1

// ErrSeal is the error of what cannot be opened.
var ErrSeal = errors.New("sealed secret cannot be read: it was sealed with another key, or belongs elsewhere; enter it again, or restore the key file of the data folder")

// Seal seals and opens secrets of one purpose. Safe for concurrent use.
type Seal struct{ aead cipher.AEAD }

// New derives the seal of a purpose, "trunk password" for instance, from the
// 32 octets of the key file.
func New(key []byte, purpose string) (*Seal, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("seal: the key has %d octets instead of 32", len(key))
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "tandem seal: "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Seal{aead}, nil
}

// Seal hides secret. owner is what it belongs to, the name of the trunk for
// instance: moved to another row, it cannot be opened.
func (s *Seal) Seal(secret, owner string) []byte {
	return s.aead.Seal([]byte{version}, nil, []byte(secret), []byte(owner))
}

// Open gives the secret back, or ErrSeal.
func (s *Seal) Open(sealed []byte, owner string) (string, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return "", ErrSeal
	}
	secret, err := s.aead.Open(nil, nil, sealed[1:], []byte(owner))
	if err != nil {
		return "", ErrSeal
	}
	return string(secret), nil
}
