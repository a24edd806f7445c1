package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	weak "math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// A nonce has 4 octets of time, 8 random octets and a MAC of 16 octets, as base64url.
const (
	nonceTime   = 4
	nonceRandom = 8
	nonceMAC    = 16
	nonceRaw    = nonceTime + nonceRandom + nonceMAC
	nonceLen    = (nonceRaw*8 + 5) / 6
)

var nonceText = base64.RawURLEncoding.Strict()

// nonceKey makes and checks nonces. It lives as long as the process: nonces of an
// earlier process are stale.
type nonceKey struct {
	block   cipher.Block
	scratch sync.Pool // *[nonceMAC]byte; on the heap because it is passed through the interface block
}

func newNonceKey() *nonceKey {
	var key [16]byte
	rand.Read(key[:]) // a failure ends the process
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // impossible with a key of 16 octets
	}
	return &nonceKey{block: block, scratch: sync.Pool{New: func() any { return new([nonceMAC]byte) }}}
}

// nonce is one whose MAC was correct.
type nonce struct {
	id   uint64 // the random part
	made uint32 // Unix seconds
}

// append makes a nonce for a client at place and appends it.
func (k *nonceKey) append(dst []byte, place netip.Addr, now time.Time) []byte {
	var raw [nonceRaw]byte
	binary.BigEndian.PutUint32(raw[:], uint32(now.Unix()))
	// These octets only have to be unique; the MAC protects against forgery.
	binary.BigEndian.PutUint64(raw[nonceTime:], weak.Uint64())
	mac := k.mac(raw[:nonceTime+nonceRandom], place)
	copy(raw[nonceTime+nonceRandom:], mac[:])
	return nonceText.AppendEncode(dst, raw[:])
}

// check reports whether text is a nonce of ours for that place, not older than life.
func (k *nonceKey) check(text []byte, place netip.Addr, now time.Time, life time.Duration) (n nonce, ok bool) {
	var raw [nonceRaw]byte
	if len(text) != nonceLen {
		return n, false
	}
	if got, err := nonceText.Decode(raw[:], text); err != nil || got != nonceRaw {
		return n, false
	}
	mac := k.mac(raw[:nonceTime+nonceRandom], place)
	if subtle.ConstantTimeCompare(mac[:], raw[nonceTime+nonceRandom:]) != 1 {
		return n, false
	}
	n.made = binary.BigEndian.Uint32(raw[:])
	n.id = binary.BigEndian.Uint64(raw[nonceTime:])
	age := now.Unix() - int64(n.made)
	// The age is a little below zero when the clock was set back.
	return n, age > -60 && age < int64(life/time.Second)
}

// mac is an AES CBC-MAC over two blocks: the place and the data. CBC-MAC is only safe
// for inputs of one fixed length, which these are. It is then as good as HMAC here, for
// a fifth of the time.
func (k *nonceKey) mac(data []byte, place netip.Addr) (out [nonceMAC]byte) {
	b := k.scratch.Get().(*[nonceMAC]byte)
	*b = place.As16()
	k.block.Encrypt(b[:], b[:])
	subtle.XORBytes(b[:], b[:], data[:nonceTime+nonceRandom])
	k.block.Encrypt(b[:], b[:])
	out = *b
	k.scratch.Put(b)
	return out
}

// place returns what counts as one client address: an IPv4 address, or the /64 within
// which an IPv6 host changes its address (RFC 8981).
func place(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
