package house

import (
	"encoding/binary"
	"math"
	"net"
	"time"

	"github.com/zaf/g711"

	"tandem/media/sdp"
	"tandem/test/harness"
)

// Press sends a key as telephone-event (RFC 4733): a packet every 20 ms for eight
// tenths of a second, and the last one thrice: long enough to be heard by whoever begins
// to listen late.
func (e *Ear) Press(key byte, to *net.UDPAddr) {
	e.t.Helper()
	const packets, last = 42, 40
	e.pressed++
	first, at := uint16(100*e.pressed), uint32(16000*e.pressed) // each time another one
	for i := range packets {
		b := make([]byte, 16)
		b[0], b[1] = 0x80, 101
		if i == 0 {
			b[1] |= 0x80 // RFC 4733 §2.5.1.2: the marker stands at its beginning
		}
		binary.BigEndian.PutUint16(b[2:], first+uint16(i))
		binary.BigEndian.PutUint32(b[4:], at)
		binary.BigEndian.PutUint32(b[8:], 77)
		if b[12], b[13] = key, 10; i >= last-1 {
			b[13] |= 0x80
		}
		binary.BigEndian.PutUint16(b[14:], uint16(160*min(i+1, last)))
		if _, err := e.WriteToUDP(b, to); err != nil {
			e.t.Error(err)
			return
		}
		time.Sleep(20 * time.Millisecond) // as phones do
	}
}

// Event reports whether a key comes as an event.
func (e *Ear) Event(key byte) bool {
	e.t.Helper()
	b := make([]byte, 1500)
	_ = e.SetReadDeadline(time.Now().Add(harness.Patience))
	for {
		n, err := e.Read(b)
		if err != nil {
			return false
		}
		if n >= 16 && b[1]&0x7f != 0 && b[12] == key {
			return true
		}
	}
}

// Types says keys as pairs of tones, each for 120 ms and as much silence.
func (e *Ear) Types(to *net.UDPAddr, keys ...[2]float64) {
	e.t.Helper()
	const frames = 6
	for _, key := range keys {
		for n := range 2 * frames {
			packet := make([]byte, 172)
			packet[0], packet[11] = 0x80, 7
			binary.BigEndian.PutUint16(packet[2:], uint16(e.pressed))
			binary.BigEndian.PutUint32(packet[4:], uint32(e.pressed*160))
			e.pressed++
			for i := range 160 {
				at, x := 2*math.Pi*float64(n*160+i)/8000, 0.0
				if n < frames {
					x = 4000 * (math.Sin(key[0]*at) + math.Sin(key[1]*at))
				}
				packet[12+i] = g711.EncodeUlawFrame(int16(x))
			}
			if _, err := e.WriteToUDP(packet, to); err != nil {
				e.t.Error(err)
				return
			}
			time.Sleep(20 * time.Millisecond) // as phones do
		}
	}
}

// PressEvent sends a key as an event (RFC 4733) to where a description says.
func (e *Ear) PressEvent(code byte, description []byte) {
	e.t.Helper()
	d, err := sdp.Parse(description)
	if err != nil {
		e.t.Fatal(err)
	}
	at := uint32(time.Now().UnixMilli() * 8)
	packet := make([]byte, 16)
	packet[0], packet[1], packet[11], packet[12] = 0x80, 101, 77, code
	for i := range 8 {
		binary.BigEndian.PutUint16(packet[2:], uint16(at/8)+uint16(i))
		binary.BigEndian.PutUint32(packet[4:], at)
		packet[13] = 10
		if i >= 5 {
			packet[13] |= 0x80
		}
		binary.BigEndian.PutUint16(packet[14:], uint16(160*(min(i, 5)+1)))
		if _, err := e.WriteTo(packet, to(d)); err != nil {
			e.t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // as a phone spaces them
	}
}
