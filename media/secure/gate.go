package secure

import "encoding/binary"

// gate drops datagrams that cannot belong to a handshake, before they can end it: in
// DTLS 1.2 any unencrypted message that is malformed or out of place is fatal, and
// anybody can send one.
type gate struct {
	active      bool // we began
	begun       bool // the other side's first flight was received
	established bool
	fed         int
}

const (
	recordHeader    = 13
	handshakeHeader = 12
	maxMessage      = 16 << 10 // octets of one handshake message, with all its fragments

	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23

	clientHello        = 1
	helloVerifyRequest = 3
	serverHello        = 2
)

// open reports whether the datagram may pass, and counts it.
func (g *gate) open(b []byte) bool {
	if len(b) < recordHeader || len(b) > maxRecord {
		return false
	}
	first := true
	for rest := b; len(rest) > 0; first = false {
		if len(rest) < recordHeader {
			return false
		}
		size := recordHeader + int(binary.BigEndian.Uint16(rest[11:]))
		if size > len(rest) || !g.record(rest[:size], first) {
			return false
		}
		rest = rest[size:]
	}
	if !g.established {
		if g.fed++; g.fed > maxFed {
			return false
		}
	}
	return true
}

// record checks one complete record (RFC 6347 §4.1).
func (g *gate) record(r []byte, first bool) bool {
	if r[1] != 0xfe || r[2] != 0xfd && r[2] != 0xff {
		return false
	}
	epoch, body := binary.BigEndian.Uint16(r[3:]), r[recordHeader:]
	if epoch > 1 || len(body) == 0 {
		return false
	}
	if epoch == 1 { // encrypted: DTLS itself verifies it
		return r[0] >= typeChangeCipherSpec && r[0] <= typeApplicationData && (g.begun || !first)
	}
	switch r[0] {
	case typeHandshake:
		return g.handshake(body)
	case typeChangeCipherSpec:
		return g.begun && len(body) == 1 && body[0] == 1
	case typeAlert:
		return (g.begun || g.active) && !g.established && len(body) == 2
	}
	return false
}

// handshake checks the messages, or their fragments, in one record. Only a message that
// begins a handshake may be the first (RFC 6347 §4.2.2).
func (g *gate) handshake(body []byte) bool {
	for len(body) > 0 {
		if len(body) < handshakeHeader {
			return false
		}
		length, offset, size := uint24(body[1:]), uint24(body[6:]), uint24(body[9:])
		if length > maxMessage || offset+size > length || handshakeHeader+size > len(body) {
			return false
		}
		if !g.begun {
			if g.active && body[0] != serverHello && body[0] != helloVerifyRequest {
				return false
			}
			if !g.active && body[0] != clientHello {
				return false
			}
			g.begun = true
		}
		body = body[handshakeHeader+size:]
	}
	return true
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
