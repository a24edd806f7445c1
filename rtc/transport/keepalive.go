package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Clients keep the binding of a NAT with CRLF CRLF or CRLF (RFC 5626 §3.5.1), with STUN
// (§3.5.2), and on UDP also with four NULs, "jaK" or a single octet.

var (
	ping = []byte("\r\n\r\n")
	pong = []byte("\r\n")
)

// isKeepAlive reports whether a datagram carries no message.
func isKeepAlive(b []byte) bool {
	if len(b) < 4 {
		return true
	}
	switch b[0] {
	case '\r', '\n', ' ', 0:
		return len(bytes.Trim(b, "\r\n \x00")) == 0
	case 'j':
		return len(b) <= 5 && b[1] == 'a' && b[2] == 'K'
	}
	return false
}

const (
	stunHeader  = 20
	stunCookie  = 0x2112A442
	stunRequest = 0x0001 // Binding request
	stunSuccess = 0x0101
	stunMapped  = 0x0020 // XOR-MAPPED-ADDRESS
)

// isSTUN tells STUN from SIP: a SIP message never begins with two zero bits
// in a printable octet below 0x40 (RFC 5389 §6, RFC 5626 §4.4.2).
func isSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0]&0xC0 == 0 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// appendSTUN answers a Binding request with the address it came from
// (RFC 5389 §13, §15.2); nothing is appended for other STUN messages.
func appendSTUN(dst, req []byte, from netip.AddrPort) []byte {
	if binary.BigEndian.Uint16(req) != stunRequest || int(binary.BigEndian.Uint16(req[2:])) != len(req)-stunHeader {
		return dst
	}
	a := from.Addr().Unmap()
	ip, family := a.AsSlice(), byte(1)
	if a.Is6() {
		family = 2
	}
	dst = binary.BigEndian.AppendUint16(dst, stunSuccess)
	dst = binary.BigEndian.AppendUint16(dst, uint16(8+len(ip)))
	mask := req[4:stunHeader] // cookie, then transaction id
	dst = append(dst, mask...)
	dst = binary.BigEndian.AppendUint16(dst, stunMapped)
	dst = binary.BigEndian.AppendUint16(dst, uint16(4+len(ip)))
	dst = append(dst, 0, family)
	dst = binary.BigEndian.AppendUint16(dst, from.Port()^(stunCookie>>16))
	for i, x := range ip {
		dst = append(dst, x^mask[i])
	}
	return dst
}
