package bridge

import (
	"encoding/binary"
	"time"
)

// origin says what made a packet.
type origin uint8

const (
	relayed origin = iota + 1
	converted
	played
)

// source is what a packet comes from and the clock of its timestamps: when it
// changes, numbers are joined anew.
type source struct {
	origin origin
	clock  int
}

// send numbers, protects and sends one RTP packet to a leg's side. Called with
// mu held.
func (l *leg) send(b []byte, from source, at time.Time) {
	if l.play == nil { // else something of our own is heard
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
