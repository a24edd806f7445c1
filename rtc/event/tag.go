package event

import (
	"crypto/subtle"

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

func (n *Notifier) tagFor(m *sip.Message) (tag [tagUnique + tagCheck]byte) {
	b := appendTag(tag[:0], n.tags.Uint64(m.CallID(), m.FromTag(), m.Get(sip.HdrCSeq)), tagUnique)
	appendTag(b, n.checks.Uint64(m.CallID(), b), tagCheck)
	return tag
}

// ours reports whether a tag was made here for this Call-ID, also before a restart.
func (n *Notifier) ours(callID, tag []byte) bool {
	if len(tag) != tagUnique+tagCheck {
		return false
	}
	var want [tagCheck]byte
	return subtle.ConstantTimeCompare(appendTag(want[:0], n.checks.Uint64(callID, tag[:tagUnique]), tagCheck), tag[tagUnique:]) == 1
}
