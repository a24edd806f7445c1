package event

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"tandem/rtc/sip"
)

// A tag of ours is a hash of what stays the same when a SUBSCRIBE comes twice by
// different ways, so that the second is recognised as merged (RFC 3261
// §8.2.2.2), and a keyed check, by which a request in a dialog of ours is
// recognised when the dialog is not known any more.
const (
	tagUnique = 13
	tagCheck  = 8
)

const tagDigits = "0123456789abcdefghijklmnopqrstuv"

func appendTag(dst []byte, v uint64, digits int) []byte {
	for digits--; digits >= 0; digits-- {
		dst = append(dst, tagDigits[v>>(5*digits)&31])
	}
	return dst
}

func (n *Notifier) tagFor(m *sip.Message) string {
	tag := appendTag(make([]byte, 0, tagUnique+tagCheck), n.mac("tag", m.CallID(), m.FromTag(), m.Get(sip.HdrCSeq)), tagUnique)
	return string(appendTag(tag, n.mac("check", m.CallID(), tag), tagCheck))
}

// ours reports whether a tag was made here for this Call-ID, also before a restart.
func (n *Notifier) ours(callID, tag []byte) bool {
	if len(tag) != tagUnique+tagCheck {
		return false
	}
	var want [tagCheck]byte
	return subtle.ConstantTimeCompare(appendTag(want[:0], n.mac("check", callID, tag[:tagUnique]), tagCheck), tag[tagUnique:]) == 1
}

// mac is a keyed check over what it is for and texts. One pass of the hash does:
// of its result too little is shown to go on with it.
func (n *Notifier) mac(what string, texts ...[]byte) uint64 {
	var room [256]byte
	b := append(append(append(room[:0], n.cfg.Key...), 0), what...)
	for _, t := range texts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(t))), t...)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}
