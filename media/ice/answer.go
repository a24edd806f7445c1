package ice

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"
)

// Packet handles a STUN message and appends the response to reply; if that stays empty,
// nothing is sent. nominated reports that from became, or is again, the pair to use. A
// request that fails authentication gets no response longer than itself, and never
// changes the pair. Nothing is allocated when reply has room for 128 octets.
func (a *Agent) Packet(reply, b []byte, from netip.AddrPort, now time.Time) (out []byte, nominated bool) {
	// Indications keep a NAT open and need no response; we send no requests, so
	// responses are ignored (RFC 8445 §11).
	if !isSTUN(b) || binary.BigEndian.Uint16(b) != bindingRequest || !from.IsValid() {
		return reply, false
	}
	r := &a.req
	if !r.parse(b) {
		return reply, false
	}
	if r.malformed || r.username == nil || r.integrity == 0 && r.integritySHA256 == 0 {
		return refuse(reply, b, 400, nil, r), false // RFC 8489 §9.1.3
	}
	c, restarted := a.credentialsFor(r.username)
	if c == nil || !c.signed(b, r) {
		return refuse(reply, b, 401, nil, r), false
	}
	switch {
	case r.unknowns > 0:
		return refuse(reply, b, 420, c, r), false
	case r.controlled:
		// The far side must control a lite agent (RFC 8445 §6.1.1); this response makes
		// it change its role.
		return refuse(reply, b, 487, c, r), false
	case a.seen.moved(b[8:header], from):
		return reply, false
	}
	nominated = a.nominate(r, from, restarted)
	if from == a.selected {
		a.consent = now
	}
	return succeed(reply, b, from, c, r), nominated
}

// credentialsFor returns our credentials for a USERNAME "ours:theirs". Before their SDP
// arrives any name of theirs is accepted: the integrity depends only on our password.
func (a *Agent) credentialsFor(username []byte) (c *credentials, current bool) {
	local, remote, ok := bytes.Cut(username, []byte{':'})
	if !ok {
		return nil, false
	}
	switch {
	case string(local) == a.now.ufrag:
		c = a.now
	case a.past != nil && string(local) == a.past.ufrag:
		c = a.past
	default:
		return nil, false
	}
	switch {
	case a.remoteUfrag == "", string(remote) == a.remoteUfrag:
		return c, c == a.now
	case a.remotePast != "" && string(remote) == a.remotePast:
		return c, false
	}
	return nil, false
}

// nominate takes a nomination: the latest one counts, or if they are numbered the
// highest. A check with credentials from before a restart changes nothing; the first
// nomination with the new ones makes the old ones invalid.
func (a *Agent) nominate(r *request, from netip.AddrPort, current bool) bool {
	if !r.useCandidate && !r.nominates {
		return false
	}
	if !current {
		return from == a.selected
	}
	if r.nominates {
		if r.nomination < a.nomination {
			return false
		}
		a.nomination = r.nomination
	}
	a.selected = from
	a.past, a.remotePast = nil, ""
	return true
}

// succeed answers with the source address of the request.
func succeed(reply, b []byte, from netip.AddrPort, c *credentials, r *request) []byte {
	start := len(reply)
	reply = begin(reply, bindingSuccess, b)
	reply = appendMapped(reply, from, b[8:header])
	return finish(reply, start, c, r)
}

// refuse answers an error if that is not longer than the request: otherwise requests
// with forged sources would be amplified.
func refuse(reply, b []byte, code int, c *credentials, r *request) []byte {
	start := len(reply)
	reply = begin(reply, bindingError, b)
	reply = binary.BigEndian.AppendUint16(reply, attrErrorCode)
	reply = append(reply, 0, 4, 0, 0, byte(code/100), byte(code%100)) // no reason phrase: nobody reads it
	if code == 420 {
		reply = binary.BigEndian.AppendUint16(reply, attrUnknown)
		reply = binary.BigEndian.AppendUint16(reply, uint16(2*r.unknowns))
		for _, kind := range r.unknown[:r.unknowns] {
			reply = binary.BigEndian.AppendUint16(reply, kind)
		}
		for (len(reply)-start)%4 != 0 {
			reply = append(reply, 0)
		}
	}
	reply = finish(reply, start, c, r)
	if len(reply)-start > len(b) {
		return reply[:start]
	}
	return reply
}

func begin(reply []byte, kind uint16, b []byte) []byte {
	reply = binary.BigEndian.AppendUint16(reply, kind)
	reply = append(reply, 0, 0)
	return append(reply, b[4:header]...)
}

// finish adds the integrity with the algorithm of the request, unless the receiver
// could not verify it, and the fingerprint (RFC 8489 §9.1.4, RFC 8445 §7.1.1).
func finish(reply []byte, start int, c *credentials, r *request) []byte {
	if c != nil {
		at := len(reply) - start
		if r.integritySHA256 != 0 {
			sum := c.sum256(reply[start:], at, 32)
			reply = append(reply, attrIntegritySHA256>>8, attrIntegritySHA256&0xFF, 0, 32)
			reply = append(reply, sum...)
		} else {
			sum := c.sum1(reply[start:], at)
			reply = append(reply, 0, attrIntegrity, 0, 20)
			reply = append(reply, sum...)
		}
	}
	binary.BigEndian.PutUint16(reply[start+2:], uint16(len(reply)-start-header+8))
	sum := fingerprint(reply[start:])
	reply = append(reply, attrFingerprint>>8, attrFingerprint&0xFF, 0, 4)
	return binary.BigEndian.AppendUint32(reply, sum)
}

// writeMeasured hashes b up to at as if the message ended at end.
func writeMeasured(h hash.Hash, b []byte, at, end int) {
	was := [2]byte{b[2], b[3]}
	binary.BigEndian.PutUint16(b[2:], uint16(end-header))
	h.Write(b[:at])
	b[2], b[3] = was[0], was[1]
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
