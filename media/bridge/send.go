package bridge

import (
	"encoding/binary"
	"time"
)

// origin says which part of the bridge made a packet.
type origin uint8

const (
	relayed origin = iota + 1
	converted
	played
)

// source identifies the origin of a packet and the clock of its timestamps. When it
// changes, sequence numbers and timestamps are joined to those sent before.
type source struct {
	origin origin
	clock  int
}

// send numbers, protects and sends one RTP packet to a leg's side. The caller holds mu.
func (l *leg) send(b []byte, from source, at time.Time) {
	if l.play == nil { // otherwise something of our own is heard
		l.put(b, from, at)
	}
}

// put is send for sources of our own.
func (l *leg) put(b []byte, from source, at time.Time) {
	w := l.way
	if !w.Reachable() {
		return
	}
	if l.audio {
		if from != l.source {
			l.source = from
			l.rewrite.Switch(uint32(from.clock))
		}
		if !l.rewrite.Apply(b, at) {
			return
		}
	}
	l.out.Packet(binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), len(b), at)
	w.SendRTP(b)
}
