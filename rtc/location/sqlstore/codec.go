package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/transport"
)

// rowVersion is the first octet of a row. A reader refuses bindings of a version it
// does not know; a new field means a new number. Version 2 had no TempGRUU.
//
// After it, in every version: when the last of the bindings ends (unix ms, 8 octets),
// the length of the address-of-record (2 octets) and the address. Then for each binding: Contact, URI, Call-ID, instance, Path,
// User-Agent, flow, received and device, each a length and its octets; then CSeq,
// reg-id, q, expiry (unix ms) and TempGRUU (0 or 1). Numbers are unsigned varints. A URI or
// instance that stands in the Contact is written as its place there: see
// appendPart.
const rowVersion = 3

// rowHead is how many octets stand before the address.
const rowHead = 1 + 8 + 2

// appendRow appends nothing when there are no bindings.
func appendRow(dst []byte, aor rtc.AOR, bindings []location.Binding) []byte {
	if len(bindings) == 0 {
		return dst
	}
	until := int64(0)
	for i := range bindings {
		until = max(until, bindings[i].Expires.UnixMilli())
	}
	dst = append(dst, rowVersion)
	dst = binary.BigEndian.AppendUint64(dst, uint64(until))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(aor)))
	dst = append(dst, aor...)
	for i := range bindings {
		b := &bindings[i]
		dst = appendText(dst, b.Contact)
		dst = appendPart(dst, b.Contact, b.URI)
		dst = appendText(dst, b.CallID)
		dst = appendPart(dst, b.Contact, b.Instance)
		dst = appendText(dst, b.Path)
		dst = appendText(dst, b.UserAgent)
		dst = appendFlow(dst, b.Flow)
		dst = appendText(dst, b.Device)
		dst = binary.AppendUvarint(dst, uint64(b.CSeq))
		dst = binary.AppendUvarint(dst, uint64(b.RegID))
		dst = binary.AppendUvarint(dst, uint64(b.Q))
		dst = binary.AppendUvarint(dst, uint64(b.Expires.UnixMilli()))
		temp := byte(0)
		if b.TempGRUU {
			temp = 1
		}
		dst = append(dst, temp)
	}
	return dst
}

// appendFlow writes what of a flow can be revived, and where it came from: the port of a
// connection means nothing without it.
func appendFlow(dst []byte, f transport.Flow) []byte {
	var flow, received [96]byte
	n, m := flow[:0], received[:0]
	if !f.IsZero() && !diesWithUs(f) {
		n = f.AppendTo(n)
	}
	if f.Remote.IsValid() && !diesWithUs(f) {
		m = f.Remote.AppendTo(m)
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(n))), n...)
	return append(binary.AppendUvarint(dst, uint64(len(m))), m...)
}

// diesWithUs is true of connections: they end with the process.
func diesWithUs(f transport.Flow) bool { return !f.IsZero() && f.Proto().Stream() }

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendPart writes part as its place in whole (place+1, length), or 0 and the
// text itself when it is not in there.
func appendPart(dst []byte, whole, part string) []byte {
	if at := strings.Index(whole, part); at >= 0 {
		dst = binary.AppendUvarint(dst, uint64(at)+1)
		return binary.AppendUvarint(dst, uint64(len(part)))
	}
	return appendText(append(dst, 0), part)
}

var errEncoding = errors.New("bindings are not in a known encoding")

// readRow reads the head of a row; rest is for decodeBindings.
func readRow(data []byte) (version byte, aor rtc.AOR, until int64, rest []byte, ok bool) {
	if len(data) < rowHead {
		return 0, "", 0, nil, false
	}
	end := rowHead + int(binary.BigEndian.Uint16(data[rowHead-2:]))
	if len(data) < end {
		return 0, "", 0, nil, false
	}
	return data[0], rtc.AOR(data[rowHead:end]), int64(binary.BigEndian.Uint64(data[1:])), data[end:], true
}

// decodeBindings reads what appendRow wrote of bindings. They do not point into data.
func decodeBindings(version byte, data []byte, flow func(string) (transport.Flow, bool)) ([]location.Binding, error) {
	if version != rowVersion && version != 2 {
		return nil, errEncoding
	}
	r := reader{rest: data}
	var all []location.Binding
	for len(r.rest) > 0 && !r.bad {
		d := location.Draft{}
		d.Contact = r.text()
		d.URI = r.part(d.Contact)
		d.CallID = r.text()
		d.Instance = r.part(d.Contact)
		d.Path = r.text()
		d.UserAgent = r.text()
		if f := r.text(); len(f) > 0 && flow != nil {
			d.Flow, _ = flow(string(f)) // the zero Flow when that listener is gone
		}
		if a := r.text(); len(a) > 0 {
			from, err := netip.ParseAddrPort(string(a))
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errEncoding, err)
			}
			if d.Flow.IsZero() {
				d.Flow.Remote = from
			}
		}
		d.Device = string(r.text())
		d.CSeq = uint32(r.number(1<<32 - 1))
		d.RegID = uint32(r.number(1<<32 - 1))
		d.Q = uint16(r.number(1000))
		d.Expires = time.UnixMilli(int64(r.number(1<<62 - 1)))
		if d.TempGRUU = len(d.Instance) > 0; version > 2 {
			d.TempGRUU = r.number(1) == 1
		}
		all = append(all, d.Binding())
	}
	if r.bad {
		return nil, errEncoding
	}
	return all, nil
}

// reader takes values off the front; bad stays set once one was not there.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > limit {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() []byte {
	n := r.number(1 << 30)
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	t := r.rest[:n]
	r.rest = r.rest[n:]
	return t
}

func (r *reader) part(whole []byte) []byte {
	at := r.number(1 << 30)
	if at == 0 {
		return r.text()
	}
	n := r.number(1 << 30)
	if at-1+n > uint64(len(whole)) {
		r.bad, r.rest = true, nil
		return nil
	}
	return whole[at-1 : at-1+n]
}
