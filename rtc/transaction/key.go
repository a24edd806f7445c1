package transaction

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"tandem/rtc/sip"
)

// appendKey appends what identifies the server transaction of a request
// (RFC 3261 §17.2.3). method is that of the transaction looked for: INVITE for
// an ACK or CANCEL.
//
// With the magic cookie it is branch, sent-by and method. Without (RFC 2543
// peers) it is Call-ID, CSeq number, Request-URI, top Via and method. Tags are
// left out there: peers of that age send none, or drop the From tag from the
// ACK, and a Call-ID is unique without them.
//
// The address it came from is part of it, without the port, which a NAT may
// change: what another sends is never of this transaction, whatever of it he
// has seen or guessed (RFC 3261 §22.1), and phones behind different NATs may
// call themselves alike.
func appendKey(dst []byte, m *sip.Message, via *sip.Via, method sip.Method) []byte {
	dst = append(dst, byte(method))
	if from := m.Source.Addr(); from.Is4() {
		a := from.As4()
		dst = append(dst, a[:]...)
	} else if from.IsValid() {
		a := from.As16()
		dst = append(dst, a[:]...)
	}
	if method == sip.MethodOther {
		dst = append(dst, m.MethodName()...)
		dst = append(dst, 0)
	}
	dst = append(dst, via.Branch...)
	dst = append(dst, 0)
	dst = append(dst, via.Host...)
	dst = binary.BigEndian.AppendUint16(dst, via.Port)
	if len(via.Branch) > len(cookie) && bytes.HasPrefix(via.Branch, []byte(cookie)) {
		return dst
	}
	n, _ := m.CSeq()
	dst = binary.BigEndian.AppendUint32(dst, n)
	dst = append(dst, m.RequestURI()...)
	dst = append(dst, 0)
	return append(dst, m.CallID()...)
}

// folded is the method of the transaction a request belongs to or speaks about.
func folded(m sip.Method) sip.Method {
	if m == sip.ACK || m == sip.CANCEL {
		return sip.INVITE
	}
	return m
}

func (l *Layer) hash(key []byte) uint64 { return maphash.Bytes(l.keySeed, key) }

// appendTag appends the To tag this layer gives in answers of its own. It is
// the same for every copy of a request, and for the ACK to the answer
// (RFC 3261 §8.2.7), without being remembered.
func (l *Layer) appendTag(dst, key []byte) []byte {
	return appendDigits(dst, maphash.Bytes(l.tagSeed, key), 10)
}
