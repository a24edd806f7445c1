package ice

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// STUN (RFC 8489 §5, §14) and the attributes that ICE adds (RFC 8445 §7.1, §16.1).
const (
	header = 20
	cookie = 0x2112A442

	bindingRequest = 0x0001
	bindingSuccess = 0x0101
	bindingError   = 0x0111

	attrUsername         = 0x0006
	attrIntegrity        = 0x0008
	attrErrorCode        = 0x0009
	attrUnknown          = 0x000A
	attrIntegritySHA256  = 0x001C
	attrXORMappedAddress = 0x0020
	attrPriority         = 0x0024
	attrUseCandidate     = 0x0025
	attrFingerprint      = 0x8028
	attrControlled       = 0x8029
	attrControlling      = 0x802A
	attrNomination       = 0xC001 // a counter that browsers may send to change their nomination

	fingerprintXOR = 0x5354554E
	maxUnknown     = 8 // the most attributes that a 420 lists
)

// request is a parsed Binding request. Offsets are into the packet; 0 means absent.
type request struct {
	username        []byte
	integrity       int
	integritySHA256 int
	sizeSHA256      int
	useCandidate    bool
	controlled      bool
	nomination      uint32
	nominates       bool
	malformed       bool
	unknown         [maxUnknown]uint16
	unknowns        int
}

// isSTUN reports whether b is one complete STUN message.
func isSTUN(b []byte) bool {
	return len(b) >= header && b[0]&0xC0 == 0 && binary.BigEndian.Uint32(b[4:]) == cookie &&
		len(b)%4 == 0 && int(binary.BigEndian.Uint16(b[2:]))+header == len(b)
}

// parse reads the attributes of a STUN message. It returns false if an attribute
// exceeds the message, or the fingerprint is wrong (RFC 8489 §7.3).
func (r *request) parse(b []byte) bool {
	*r = request{}
	for at := header; at < len(b); {
		if len(b)-at < 4 {
			return false
		}
		kind, size := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		end := at + 4 + (size+3)&^3
		if end > len(b) {
			return false
		}
		value := b[at+4 : at+4+size]
		if kind == attrFingerprint {
			return size == 4 && end == len(b) && binary.BigEndian.Uint32(value) == fingerprint(b[:at])
		}
		r.take(kind, value, at)
		at = end
	}
	return true
}

// take stores one attribute. The first of a kind counts (RFC 8489 §14). Attributes
// after the integrity are not covered by it and are ignored, except the longer
// integrity (§14.5).
func (r *request) take(kind uint16, value []byte, at int) {
	switch {
	case kind == attrIntegritySHA256:
		if r.integritySHA256 == 0 {
			r.integritySHA256, r.sizeSHA256 = at, len(value)
			r.malformed = r.malformed || len(value) < 16 || len(value) > 32 || len(value)%4 != 0
		}
		return
	case r.integrity != 0 || r.integritySHA256 != 0:
		return
	}
	switch kind {
	case attrIntegrity:
		r.integrity = at
		r.malformed = r.malformed || len(value) != 20
	case attrUsername:
		if r.username == nil {
			r.username = value
		}
	case attrPriority:
		r.malformed = r.malformed || len(value) != 4
	case attrUseCandidate:
		r.useCandidate = true
	case attrControlled:
		r.controlled = true
		r.malformed = r.malformed || len(value) != 8
	case attrNomination:
		if len(value) == 4 {
			r.nomination, r.nominates = binary.BigEndian.Uint32(value), true
		}
	default:
		r.foreign(kind)
	}
}

// foreign stores an attribute that must be understood and is not (RFC 8489 §14).
// Attributes of other uses of STUN are known, and pass.
func (r *request) foreign(kind uint16) {
	switch kind {
	case 0x0001, 0x0014, 0x0015, 0x001D, 0x001E, attrErrorCode, attrUnknown, attrXORMappedAddress:
		return
	}
	if kind < 0x8000 && r.unknowns < maxUnknown {
		r.unknown[r.unknowns] = kind
		r.unknowns++
	}
}

// signed reports whether the request has a valid integrity with our password. If it has
// both kinds, the longer one decides. The length in the header must count up to and
// including the integrity (RFC 8489 §14.5); it is restored afterwards.
func (c *credentials) signed(b []byte, r *request) bool {
	if r.integritySHA256 != 0 {
		sum := c.sum256(b, r.integritySHA256, r.sizeSHA256)
		return equal(sum[:r.sizeSHA256], b[r.integritySHA256+4:][:r.sizeSHA256])
	}
	sum := c.sum1(b, r.integrity)
	return equal(sum, b[r.integrity+4:][:20])
}

func (c *credentials) sum1(b []byte, at int) []byte {
	c.sha1.Reset()
	writeMeasured(c.sha1, b, at, at+24)
	return c.sha1.Sum(c.sum[:0])
}

func (c *credentials) sum256(b []byte, at, size int) []byte {
	c.sha256.Reset()
	writeMeasured(c.sha256, b, at, at+4+size)
	return c.sha256.Sum(c.sum[:0])
}

// Username reads the local part of the USERNAME of a STUN request without verifying it:
// it identifies the agent for a packet on a shared port.
func Username(b []byte) (ufrag string, ok bool) {
	if !isSTUN(b) || binary.BigEndian.Uint16(b) != bindingRequest {
		return "", false
	}
	for at := header; len(b)-at >= 4; {
		size := int(binary.BigEndian.Uint16(b[at+2:]))
		if size > len(b)-at-4 {
			return "", false
		}
		if binary.BigEndian.Uint16(b[at:]) == attrUsername {
			local, _, found := bytes.Cut(b[at+4:at+4+size], []byte{':'})
			if !found || len(local) == 0 || len(local) > 256 {
				return "", false
			}
			return string(local), true
		}
		at += 4 + (size+3)&^3
	}
	return "", false
}

// fingerprint covers everything before it; the length in the header already includes
// it.
func fingerprint(b []byte) uint32 { return crc32.ChecksumIEEE(b) ^ fingerprintXOR }

// appendMapped writes XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
func appendMapped(b []byte, from netip.AddrPort, transaction []byte) []byte {
	ip := from.Addr().Unmap()
	family, size := byte(1), 8
	if !ip.Is4() {
		family, size = 2, 20
	}
	b = binary.BigEndian.AppendUint16(b, attrXORMappedAddress)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, 0, family)
	b = binary.BigEndian.AppendUint16(b, from.Port()^cookie>>16)
	if ip.Is4() {
		v4 := ip.As4()
		return binary.BigEndian.AppendUint32(b, binary.BigEndian.Uint32(v4[:])^cookie)
	}
	v6 := ip.As16()
	b = binary.BigEndian.AppendUint32(b, binary.BigEndian.Uint32(v6[:])^cookie)
	for i, octet := range v6[4:] {
		b = append(b, octet^transaction[i])
	}
	return b
}
