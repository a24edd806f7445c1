package cdr

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// ordered is base 32 whose text sorts as the octets do (RFC 4648 §7).
var ordered = base32.HexEncoding.WithPadding(base32.NoPadding)

// NewID makes the ID of a call that begins now: 26 characters that nobody can guess, of
// which the first ten are the time in milliseconds. IDs sort by time, so that the rows of
// calls that go on together stand together on the disk.
func NewID(now time.Time) string {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli())<<14) // 50 bits, ten characters
	return ordered.EncodeToString(ms[:])[:10] + rand.Text()[:16]
}
