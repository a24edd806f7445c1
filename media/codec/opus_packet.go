package codec

// maxOpusFrame is the most octets one Opus frame may have (RFC 6716 §3.4 R2).
const maxOpusFrame = 1275

// opusFrames is a parsed Opus packet.
type opusFrames struct {
	toc    byte
	span   int // of one frame, in microseconds
	count  int
	frames [48][]byte // 120 ms of 2.5 ms
}

// opusSpan returns how long one frame lasts, in microseconds (RFC 6716 §3.1).
func opusSpan(toc byte) int {
	switch config := toc >> 3; {
	case config < 12: // SILK
		return [4]int{10000, 20000, 40000, 60000}[config&3]
	case config < 16: // hybrid
		return [2]int{10000, 20000}[config&1]
	default: // CELT
		return [4]int{2500, 5000, 10000, 20000}[config&3]
	}
}

// opusDuration returns the duration of a packet in microseconds from its first two
// octets, 0 when it is malformed.
func opusDuration(payload []byte) int {
	if len(payload) == 0 {
		return 0
	}
	count := 0
	switch payload[0] & 3 {
	case 0:
		count = 1
	case 1, 2:
		count = 2
	default:
		if len(payload) < 2 {
			return 0
		}
		count = int(payload[1] & 0x3F)
	}
	total := count * opusSpan(payload[0])
	if total > maxPacket*1000 { // RFC 6716 §3.4 R5
		return 0
	}
	return total
}

// opusRepeats reports whether a packet of one frame contains redundancy for the packet
// before it: the flag after those for voice activity, of which there is one for each 20
// ms, at the start of a frame with SILK (RFC 6716 §4.2.3). The flags are coded with
// equal probabilities and so can be read as bits.
func opusRepeats(payload []byte) bool {
	if len(payload) < 3 || payload[0]&3 != 0 || payload[0]>>3 >= 16 { // CELT has no redundancy
		return false
	}
	parts := max(opusSpan(payload[0])/20000, 1)
	return payload[1]>>(7-parts)&1 != 0
}

// parse splits a packet; false when it breaks a rule of RFC 6716 §3.4. The frames point
// into payload.
func (p *opusFrames) parse(payload []byte) bool {
	total := opusDuration(payload)
	if total == 0 {
		return false
	}
	p.toc, p.span = payload[0], opusSpan(payload[0])
	p.count = total / p.span
	rest := payload[1:]
	switch payload[0] & 3 {
	case 0:
		p.frames[0] = rest
		return len(rest) <= maxOpusFrame
	case 1:
		return p.equal(rest)
	case 2:
		return p.different(rest)
	}
	return p.many(payload[1], payload[2:])
}

// equal shares rest among all frames (codes 1 and 3 without VBR).
func (p *opusFrames) equal(rest []byte) bool {
	size := len(rest) / p.count
	if size*p.count != len(rest) || size > maxOpusFrame { // R2, R3, R6
		return false
	}
	for i := range p.count {
		p.frames[i] = rest[i*size : (i+1)*size]
	}
	return true
}

// different reads the lengths of all frames but the last, then the frames.
func (p *opusFrames) different(rest []byte) bool {
	var sizes [48]int
	for i := range p.count - 1 {
		n, used := opusLength(rest)
		if used == 0 {
			return false
		}
		sizes[i], rest = n, rest[used:]
	}
	for i := range p.count - 1 {
		if sizes[i] > len(rest) { // R4, R7
			return false
		}
		p.frames[i], rest = rest[:sizes[i]], rest[sizes[i]:]
	}
	p.frames[p.count-1] = rest
	return len(rest) <= maxOpusFrame
}

// many is code 3: a count with flags, perhaps padding, then frames.
func (p *opusFrames) many(flags byte, rest []byte) bool {
	if flags&0x40 != 0 {
		padding := 0
		for {
			if len(rest) == 0 {
				return false
			}
			n := int(rest[0])
			rest = rest[1:]
			if n < 255 {
				padding += n
				break
			}
			padding += 254 // and one more octet of length follows
		}
		if padding > len(rest) {
			return false
		}
		rest = rest[:len(rest)-padding]
	}
	if flags&0x80 != 0 {
		return p.different(rest)
	}
	return p.equal(rest)
}

// opusLength reads the length of a frame (RFC 6716 §3.2.1) and returns how many octets
// it took; 0 when there are too few.
func opusLength(b []byte) (n, used int) {
	switch {
	case len(b) >= 1 && b[0] < 252:
		return int(b[0]), 1
	case len(b) >= 2:
		return int(b[0]) + 4*int(b[1]), 2
	}
	return 0, 0
}
