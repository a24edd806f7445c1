package dialog

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"

	"tandem/rtc/sip"
)

// A tag of ours: 13 characters that make it unique, then a keyed check over
// them and the Call-ID. By it a request in a dialog of ours is recognised when
// the dialog is not known any more, as after a restart, and told from those
// that the proxy forwards.
const (
	tagUnique = 13 // 64 bits
	tagCheck  = 8  // 40 bits
)

const tagDigits = "0123456789abcdefghijklmnopqrstuv"

func appendTagDigits(dst []byte, v uint64, n int) []byte {
	for n--; n >= 0; n-- {
		dst = append(dst, tagDigits[v>>(5*n)&31])
	}
	return dst
}

// tagFor is our tag in the dialog that a request begins. It depends on what
// stays the same when the request comes twice by different ways, so that the
// second is recognised as merged (RFC 3261 §8.2.2.2).
func (ua *UA) tagFor(m *sip.Message) string {
	var h maphash.Hash
	h.SetSeed(ua.tagSeed)
	h.Write(m.CallID())
	h.WriteByte(0)
	h.Write(m.FromTag())
	h.WriteByte(0)
	h.Write(m.Get(sip.HdrCSeq))
	return ua.sealTag(m.CallID(), h.Sum64())
}

// newTag is a fresh tag for a request of ours (RFC 3261 §19.3).
func (ua *UA) newTag(callID string) string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return ua.sealTag([]byte(callID), binary.BigEndian.Uint64(b[:]))
}

func (ua *UA) sealTag(callID []byte, unique uint64) string {
	tag := appendTagDigits(make([]byte, 0, tagUnique+tagCheck), unique, tagUnique)
	return string(ua.appendCheck(tag, callID, tag))
}

func (ua *UA) appendCheck(dst, callID, unique []byte) []byte {
	return appendTagDigits(dst, ua.tags.Uint64(unique, callID), tagCheck)
}

// ours reports whether this process or an earlier one with the same Key made
// the tag for a dialog of this Call-ID.
func (ua *UA) ours(callID, tag []byte) bool {
	if len(tag) != tagUnique+tagCheck {
		return false
	}
	var want [tagCheck]byte
	ua.appendCheck(want[:0], callID, tag[:tagUnique])
	return hmac.Equal(want[:], tag[tagUnique:])
}
