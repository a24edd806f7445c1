package proxy

import (
	"hash/maphash"

	"tandem/rtc/sip"
)

// Loop detection (RFC 5393 §4.2): our branch ends with a hash of everything that
// determines where a request goes. A request that comes back with the same hash in a
// Via of ours would take the same way again: that is a loop. With another hash it was
// changed on its way and may pass: that is a spiral.

const loopLen = 14 // '-' and 13 digits of five bits

const loopDigits = "0123456789abcdefghijklmnopqrstuv"

// loopHash hashes the Request-URI and the Routes as received.
func (p *Proxy) loopHash(m *sip.Message) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	h.Write(m.RequestURI())
	if m.Has(sip.HdrRoute) {
		for v := range m.Values(sip.HdrRoute) {
			h.WriteByte(0)
			h.Write(v)
		}
	}
	return h.Sum64()
}

func appendLoop(dst []byte, hash uint64) []byte {
	dst = append(dst, '-')
	for range loopLen - 1 {
		dst = append(dst, loopDigits[hash&31])
		hash >>= 5
	}
	return dst
}

// looped reports whether the request was forwarded by this server before with that
// hash.
func (p *Proxy) looped(m *sip.Message, hash uint64) bool {
	if oneElement(m, sip.HdrVia) {
		return false // only its sender has handled it so far
	}
	var buf [loopLen]byte
	mark := string(appendLoop(buf[:0], hash))
	for v := range m.Values(sip.HdrVia) {
		via, err := sip.ParseVia(v)
		if err != nil || len(via.Branch) < loopLen || string(via.Branch[len(via.Branch)-loopLen:]) != mark {
			continue
		}
		if p.tr.IsLocal(via.Host, via.Port) {
			return true
		}
	}
	return false
}
