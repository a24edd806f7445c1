package dtmf

import (
	"encoding/binary"
	"time"
)

// size of one event block, and the longest duration in it (RFC 4733 §2.3).
const (
	size    = 4
	longest = 0xFFFF
	endBit  = 0x80
)

// block is one event as a packet tells it.
type block struct {
	code, volume uint8
	end          bool
	duration     uint16 // timestamp units
}

// RFC 4733 §2.3
func readBlock(b []byte) block {
	return block{code: b[0], end: b[1]&endBit != 0, volume: b[1] & 0x3f, duration: binary.BigEndian.Uint16(b[2:])}
}

func writeBlock(b []byte, v block) {
	b[0], b[1] = v.code, v.volume&0x3f
	if v.end {
		b[1] |= endBit
	}
	binary.BigEndian.PutUint16(b[2:], v.duration)
}

// Rescale changes the duration of an event payload in place from one clock to another.
// A duration too long for the new clock becomes the longest possible.
func Rescale(payload []byte, from, to int) {
	if from <= 0 || to <= 0 {
		return
	}
	for ; len(payload) >= size; payload = payload[size:] {
		d := (int(binary.BigEndian.Uint16(payload[2:]))*to + from/2) / from
		binary.BigEndian.PutUint16(payload[2:], uint16(min(d, longest)))
	}
}

// span is n timestamp units of a clock as time.
func span(n uint64, clock int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(clock)
}
