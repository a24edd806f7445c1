package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tandem/rtc/location"
	"tandem/rtc/transport"
)

// bindingsVersion is the first octet of the encoding. A reader refuses what it
// does not know; a new field means a new number.
//
// After it, for each binding: Contact, URI, Call-ID, instance, Path,
// User-Agent, flow, received and device, each a length and its octets; then CSeq,
// reg-id, q and expiry (unix ms). Numbers are unsigned varints. A URI or
// instance that stands in the Contact is written as its place there: see
// appendPart.
const bindingsVersion = 1

func appendBindings(dst []byte, bindings []location.Binding) []byte {
	if len(bindings) == 0 {
		return dst
	}
	dst = append(dst, bindingsVersion)
	for i := range bindings {
		b := &bindings[i]
		dst = appendText(dst, b.Contact)
		dst = appendPart(dst, b.Contact, b.URI)
		dst = appendText(dst, b.CallID)
		dst = appendPart(dst, b.Contact, b.Instance)
		dst = appendText(dst, b.Path)
		dst = appendText(dst, b.UserAgent)
		dst = appendText(dst, flowText(b.Flow))
		received := ""
		if b.Flow.Remote.IsValid() && !diesWithUs(b.Flow) { // the port of a connection means nothing without it
			received = b.Flow.Remote.String()
		}
		dst = appendText(dst, received)
		dst = appendText(dst, b.Device)
		dst = binary.AppendUvarint(dst, uint64(b.CSeq))
		dst = binary.AppendUvarint(dst, uint64(b.RegID))
		dst = binary.AppendUvarint(dst, uint64(b.Q))
		dst = binary.AppendUvarint(dst, uint64(b.Expires.UnixMilli()))
	}
	return dst
}

// flowText is what of a flow can be revived.
func flowText(f transport.Flow) string {
	if f.IsZero() || diesWithUs(f) {
		return ""
	}
	return f.String()
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

// decodeBindings reads what appendBindings wrote. The bindings do not point into data.
func decodeBindings(data []byte, flow func(string) (transport.Flow, bool)) ([]location.Binding, error) {
	if len(data) == 0 || data[0] != bindingsVersion {
		return nil, errEncoding
	}
	r := reader{rest: data[1:]}
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
