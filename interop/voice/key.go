package voice

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
)

// keys are the events of RFC 4733 §3.2 in their order.
const keys = "0123456789*#ABCD"

// ErrNoKeys says that the other side gave no format for keys.
var ErrNoKeys = errors.New("the description has no telephone-event")

// keyPackets is how many packets tell the progress of a key, and Ends how often its end
// is told (RFC 4733 §2.5.1.4).
const (
	keyPackets = 5
	Ends       = 3
)

// press sends one key: one event, whose packets have one timestamp, the first with
// the marker bit (RFC 4733 §2.3.5, §2.5.1.1).
func (s *Sound) press(ctx context.Context, key string) error {
	event, number := strings.Index(keys, key), s.aim.Load().events
	if number == 0 || event < 0 {
		return ErrNoKeys
	}
	beat := newBeat()
	for i := range keyPackets + Ends {
		b := append(s.packet(number, i == 0), byte(event), 10, 0, 0)
		if i >= keyPackets {
			b[13] |= 0x80
		}
		binary.BigEndian.PutUint16(b[14:], uint16(min(i+1, keyPackets)*frame))
		if err := s.send(b); err != nil {
			return err
		}
		if i < keyPackets {
			if err := beat.wait(ctx); err != nil {
				return err
			}
		}
	}
	s.stamp += keyPackets * frame
	return nil
}

// event takes a packet of a key. All of one timestamp are one key.
func (e *ear) event(b []byte) {
	if len(b) < 16 || int(b[12]) >= len(keys) {
		return
	}
	stamp := binary.BigEndian.Uint32(b[4:])
	end := int(b[13] >> 7)
	if e.report.Keys != "" && stamp == e.key {
		e.report.Ends += end
		return
	}
	e.key, e.report.Ends = stamp, end
	e.report.Keys += keys[b[12] : b[12]+1]
	e.report.Marked = b[1]&0x80 != 0
}
