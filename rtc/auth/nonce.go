package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	weak "math/rand/v2"
	"net/netip"
	"time"
)

// A nonce is 4 octets of time, 8 random ones and a MAC of 16, as base64url.
const (
	nonceTime   = 4
	nonceRandom = 8
	nonceMAC    = 16
	nonceRaw    = nonceTime + nonceRandom + nonceMAC
	nonceLen    = (nonceRaw*8 + 5) / 6
)

var nonceText = base64.RawURLEncoding.Strict()

// nonceKey makes and checks nonces. It lives as long as the process: nonces of
// an earlier one are stale.
type nonceKey struct {
	inner, outer [sha256.BlockSize]byte // the key padded as RFC 2104 §2 says
}

func newNonceKey() *nonceKey {
	k := new(nonceKey)
	rand.Read(k.inner[:32]) // ends the process when it fails
	copy(k.outer[:], k.inner[:])
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k
}

// nonce is one that was checked.
type nonce struct {
	id   uint64 // the random part
	made uint32 // Unix seconds
}

// append makes a nonce for a client at place.
func (k *nonceKey) append(dst []byte, place netip.Addr, now time.Time) []byte {
	var raw [nonceRaw]byte
	binary.BigEndian.PutUint32(raw[:], uint32(now.Unix()))
	// Random only to be unlike all others; that it cannot be made up is the MAC's work.
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
	// a little less than no time has passed when the clock was set back
	return n, age > -60 && age < int64(life/time.Second)
}

// mac is HMAC-SHA256 (RFC 2104), cut to 16 octets.
func (k *nonceKey) mac(data []byte, place netip.Addr) (out [nonceMAC]byte) {
	var buf [sha256.BlockSize + nonceTime + nonceRandom + 16]byte
	n := copy(buf[:], k.inner[:])
	n += copy(buf[n:], data)
	where := place.As16()
	n += copy(buf[n:], where[:])
	sum := sha256.Sum256(buf[:n])
	n = copy(buf[:], k.outer[:])
	n += copy(buf[n:], sum[:])
	sum = sha256.Sum256(buf[:n])
	copy(out[:], sum[:])
	return out
}

// place is what counts as one client address: an IPv4 address, or the /64 an
// IPv6 host changes its address within (RFC 8981).
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
