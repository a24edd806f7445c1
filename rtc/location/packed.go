package location

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/rtc/transport"
)

// common is what the bindings of a shard have in common, and packed ones name by number.
// It only grows: what is packed stays valid.
type common struct {
	bases []time.Time      // expiries are counted from these
	flows []transport.Flow // by UDP or none, without Remote
	texts []string         // user agents and devices
}

const (
	// maxTexts bounds the texts in common: a phone may invent others. They are packed as
	// they are.
	maxTexts = 64
	// A new base is made when the clock was set, or has moved away by baseDrift from the
	// monotonic one, as clocks do in some days: both readings of an expiry have to stay.
	baseDrift = time.Second
	maxBases  = 1024
)

// What the first octet of a packed binding says.
const (
	packedRestored = 1 << iota
	packedWall     // the expiry is a time of the wall clock
	packedTempGRUU
)

// pack writes bindings as one text, "" when they cannot be: a connection is no text.
// Numbers are varints, texts stand behind their length.
func (c *common) pack(list []Binding) string {
	var room [512]byte
	dst := binary.AppendUvarint(room[:0], uint64(len(list)))
	for i := range list {
		b := &list[i]
		flow := c.flow(b.Flow)
		if flow < 0 {
			return ""
		}
		at := len(dst)
		dst = binary.AppendUvarint(append(dst, 0), uint64(flow))
		var ok bool
		if dst, ok = c.appendExpires(dst, at, b.Expires); !ok {
			return ""
		}
		if b.Restored {
			dst[at] |= packedRestored
		}
		if b.TempGRUU {
			dst[at] |= packedTempGRUU
		}
		dst = binary.AppendUvarint(dst, uint64(b.until))
		for _, n := range [...]uint64{uint64(b.CSeq), uint64(b.RegID), uint64(b.Q)} {
			dst = binary.AppendUvarint(dst, n)
		}
		dst = appendRemote(dst, b.Flow.Remote)
		dst = appendText(dst, b.Contact)
		dst = appendPart(dst, b.Contact, b.URI)
		dst = appendText(dst, b.CallID)
		dst = appendPart(dst, b.Contact, b.Instance)
		dst = appendText(dst, b.Path)
		dst = c.appendText(dst, b.UserAgent)
		dst = c.appendText(dst, b.Device)
	}
	return string(dst)
}

// flow is the number of a flow, -1 when it has none.
func (c *common) flow(f transport.Flow) int {
	if streamID(f) != 0 {
		return -1
	}
	f.Remote = netip.AddrPort{}
	i := slices.Index(c.flows, f)
	if i < 0 { // there are not more of them than sockets
		i = len(c.flows)
		c.flows = append(c.flows, f)
	}
	return i
}

// appendExpires writes a time such that it comes back with its monotonic reading, or
// without one if it has none, as those from the disk.
func (c *common) appendExpires(dst []byte, flags int, t time.Time) (_ []byte, ok bool) {
	if t == t.Round(0) {
		dst[flags] |= packedWall
		return binary.AppendVarint(dst, t.UnixNano()), time.Unix(0, t.UnixNano()) == t
	}
	base := len(c.bases) - 1
	if base < 0 || !together(c.bases[base], t) {
		if len(c.bases) == maxBases {
			return dst, false
		}
		base = len(c.bases)
		c.bases = append(c.bases, t)
	}
	dst = binary.AppendUvarint(dst, uint64(base))
	return binary.AppendVarint(dst, int64(t.Sub(c.bases[base]))), true
}

// together reports whether the monotonic clock and the wall clock have gone alike
// between two times.
func together(base, t time.Time) bool {
	apart := t.Sub(base) - t.Round(0).Sub(base.Round(0))
	return apart.Abs() < baseDrift
}

func appendRemote(dst []byte, remote netip.AddrPort) []byte {
	at := len(dst)
	dst = append(dst, 0)
	dst, _ = remote.AppendBinary(dst)
	dst[at] = byte(len(dst) - at - 1) // the zone is the name of an interface
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendPart writes a text that may be a part of whole: its place from 1 and its length;
// else 0 and the text.
func appendPart(dst []byte, whole, part string) []byte {
	at := strings.Index(whole, part)
	dst = binary.AppendUvarint(dst, uint64(at+1))
	if at < 0 {
		return appendText(dst, part)
	}
	return binary.AppendUvarint(dst, uint64(len(part)))
}

// appendText writes the number of a text, from 1, or 0 and the text.
func (c *common) appendText(dst []byte, s string) []byte {
	i := slices.Index(c.texts, s)
	if i < 0 && len(c.texts) < maxTexts {
		i = len(c.texts)
		c.texts = append(c.texts, s)
	}
	dst = binary.AppendUvarint(dst, uint64(i+1))
	if i < 0 {
		return appendText(dst, s)
	}
	return dst
}

// unpack reads bindings. Their texts are parts of p.
func (c *common) unpack(p string) []Binding {
	r := packed(p)
	list := make([]Binding, r.count())
	for i := range list {
		b := &list[i]
		flags := r[0]
		r = r[1:]
		b.Flow = c.flows[r.count()]
		b.Restored, b.TempGRUU = flags&packedRestored != 0, flags&packedTempGRUU != 0
		if flags&packedWall != 0 {
			b.Expires = time.Unix(0, r.number())
		} else {
			base := c.bases[r.count()]
			b.Expires = base.Add(time.Duration(r.number()))
		}
		b.until = int64(r.uvarint())
		b.CSeq, b.RegID, b.Q = uint32(r.count()), uint32(r.count()), uint16(r.count())
		_ = b.Flow.Remote.UnmarshalBinary([]byte(r.octets(int(r.octets(1)[0]))))
		b.Contact = r.text()
		b.URI = r.part(b.Contact)
		b.CallID = r.text()
		b.Instance = r.part(b.Contact)
		b.Path = r.text()
		b.UserAgent = r.common(c)
		b.Device = r.common(c)
	}
	return list
}

// packed is what is left to be read.
type packed string

func (p *packed) octets(n int) string {
	s := (*p)[:n]
	*p = (*p)[n:]
	return string(s)
}

func (p *packed) uvarint() (n uint64) {
	for shift := 0; ; shift += 7 {
		c := (*p)[0]
		*p = (*p)[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
}

func (p *packed) count() int   { return int(p.uvarint()) }
func (p *packed) text() string { return p.octets(p.count()) }

// number reads one that may be negative.
func (p *packed) number() int64 {
	n := p.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (p *packed) part(whole string) string {
	at := p.count()
	if at == 0 {
		return p.text()
	}
	return whole[at-1 : at-1+p.count()]
}

func (p *packed) common(c *common) string {
	if i := p.count(); i > 0 {
		return c.texts[i-1]
	}
	return p.text()
}
