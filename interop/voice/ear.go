package voice

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/zaf/g711"

	"tandem/media/sound"
)

// ear keeps what comes to a port while the other side speaks.
type ear struct {
	sound  *Sound
	events int
	heard  []int16
	report Heard
	key    uint32      // timestamp of the last one
	begun  atomic.Bool // something has come
	said   atomic.Bool // all is said; what is under way may still come
	done   sync.WaitGroup
}

// listenFor begins to listen; what lies there from before is thrown away.
func (s *Sound) listenFor() *ear {
	e := &ear{sound: s, events: s.hears}
	room := make([]byte, 2048)
	_ = e.sound.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	for n := 0; n < maxHeard; n++ {
		if _, err := s.receive(room); err != nil {
			break
		}
	}
	_ = e.sound.conn.SetReadDeadline(time.Time{})
	e.done.Go(e.listen)
	return e
}

// rtpHead is the least length of what stands before the sound of a packet (RFC 3550 §5.1).
const rtpHead = 12

// maxHeard bounds the packets of one speech.
const maxHeard = 500

// listen keeps what comes until the deadline, which moves while something comes.
func (e *ear) listen() {
	room := make([]byte, 2048)
	for e.report.Packet < maxHeard {
		b, err := e.sound.receive(room)
		if err != nil {
			return
		}
		if len(b) <= rtpHead || b[0]>>6 != 2 {
			continue
		}
		e.begun.Store(true)
		if e.said.Load() {
			_ = e.sound.conn.SetReadDeadline(time.Now().Add(lull))
		}
		e.packet(b)
	}
}

// packet takes one of RTP.
func (e *ear) packet(b []byte) {
	kind, octets := int(b[1]&0x7f), b[12:]
	switch kind {
	case e.events:
		e.event(b)
		return
	case 0:
		for _, o := range octets {
			e.heard = append(e.heard, g711.DecodeUlawFrame(o))
		}
	case 8:
		for _, o := range octets {
			e.heard = append(e.heard, g711.DecodeAlawFrame(o))
		}
	default:
		return
	}
	e.report.Packet++
	switch {
	case e.report.Packet == 1:
		e.report.Octets = len(octets)
	case e.report.Octets != len(octets):
		e.report.Octets = -1
	}
}

// end stops listening when nothing more comes, and says what was heard. The other
// side may begin late: for the first packet it waits as long as patience.
func (e *ear) end(patience time.Duration) Heard {
	e.said.Store(true)
	if e.begun.Load() {
		patience = lull
	}
	_ = e.sound.conn.SetReadDeadline(time.Now().Add(patience))
	e.done.Wait()
	h := e.report
	for _, t := range sound.Segments(e.heard) {
		if t.Length > h.Length {
			h.Freq, h.Level, h.Length = t.Freq, t.Level, t.Length
		}
	}
	return h
}
