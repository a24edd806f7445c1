package transcode

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"tandem/media/codec"
	"tandem/media/codec/conceal"
	"tandem/media/dtmf"
)

const (
	// spare is the octets after a packet, needed to protect it.
	spare = 64
	// coefficients of comfort noise we measure.
	coefficients = 6
	// again is the least time between packets of comfort noise.
	again = 100 * time.Millisecond
)

// packetTime is the length of the packets of an output.
func packetTime(o *Output) time.Duration {
	ms := int(o.Ptime / time.Millisecond)
	if ms == 0 {
		ms = 20
	}
	ms = min(max(ms, 10), 60) / 10 * 10
	return time.Duration(o.Format.Fit(ms)) * time.Millisecond
}

// sender makes packets of audio.
type sender struct {
	out     *Output
	rate    int
	encoder codec.Encoder
	toner   codec.Toner // the encoder, if it implements it
	tone    bool        // it was told of tones
	loss    atomic.Int32
	guarded int32 // loss that the encoder was told
	head    packet
	now     uint32 // timestamp of the current step
	units   uint32 // units of the clock per step
	mark    bool   // the next packet of audio is the first after silence
	sent    uint64
	errors  uint64
	buffer  []byte

	pcm    []int16 // of one packet
	filled int

	writer *dtmf.Writer
	clock  int    // of the events
	every  int    // steps between two packets of an event
	turn   int    // steps until the next
	press  uint32 // timestamp of the current event

	hush   int // steps of silence so far
	since  int // steps since comfort noise was sent
	noise  conceal.ComfortNoise
	around bool // comfort noise has been sent in this silence
}

func newSender(o *Output, rate int, step time.Duration) (*sender, error) {
	ptime := packetTime(o)
	options := codec.Options{
		Bitrate: o.Opus.Bitrate, Complexity: o.Opus.Complexity, Fmtp: o.Fmtp, Ptime: int(ptime / time.Millisecond),
	}
	e, err := o.Format.NewEncoder(rate, options)
	if err != nil {
		return nil, err
	}
	if o.Send == nil {
		return nil, fmt.Errorf("there is nobody to send to")
	}
	s := &sender{out: o, rate: rate, encoder: e, mark: true}
	s.toner, _ = e.(codec.Toner)
	// RFC 3550 §5.1: both start at random values.
	s.head = packet{seq: uint16(rand.Uint32()), ssrc: o.SSRC}
	s.now = rand.Uint32()
	s.units = uint32(step * time.Duration(o.Format.Clock) / time.Second)
	s.pcm = make([]int16, int(ptime*time.Duration(rate)/time.Second))
	// No codec makes more than 16-bit samples of the whole packet.
	most := max(int(ptime*time.Duration(o.Format.Native)/time.Second)*2, 1500)
	s.buffer = make([]byte, header+most+spare)
	if o.Event != none {
		clock := o.EventClock
		if clock == 0 {
			clock = o.Format.Clock
		}
		s.clock, s.every = clock, 1
		if step < ptime && step < 20*time.Millisecond {
			s.every = 2
		}
		s.writer = dtmf.NewWriter(clock, time.Duration(s.every)*step)
	}
	return s, nil
}

// skip leaves out time.
func (s *sender) skip(d time.Duration) {
	s.now += uint32(d * time.Duration(s.out.Format.Clock) / time.Second)
	s.filled, s.mark = 0, true
}

// tones tells the encoder when tones of keys begin or end.
func (s *sender) tones(on bool) {
	if s.toner == nil || s.tone == on {
		return
	}
	s.tone = on
	if s.toner.Tones(on) != nil {
		s.errors++
	}
}

// Loss sets the share of sent packets that the far side misses, in percent. Some codecs
// protect against it. Any goroutine may call it.
func (p *Path) Loss(percent int) {
	if p.speak != nil {
		p.speak.loss.Store(int32(percent))
	}
}

// guard tells the encoder of the loss when it has changed.
func (s *sender) guard() {
	loss := s.loss.Load()
	if loss == s.guarded {
		return
	}
	s.guarded = loss
	if r, ok := s.encoder.(codec.Repeater); ok && r.Loss(int(loss)) != nil {
		s.errors++
	}
}

// say takes one step of audio and reports whether there was anything to do.
func (s *sender) say(pcm []int16, state presence, r *receiver) bool {
	defer func() { s.now += s.units }()
	if s.filled == 0 && s.event() {
		return true
	}
	if state == quiet {
		s.hush++
		s.since++
	} else {
		s.hush, s.around = 0, false
	}
	if s.filled == 0 {
		if state == absent {
			s.mark = true
			return false
		}
		// The first step still fades; from the second on there is only noise.
		if state == quiet && s.hush > 1 && s.out.CN != none {
			s.comfort(pcm, r)
			return true
		}
		s.head.time = s.now
	}
	s.filled += copy(s.pcm[s.filled:], pcm)
	if s.filled < len(s.pcm) {
		return true
	}
	s.filled = 0
	s.guard()
	n, err := s.encoder.Encode(s.buffer[header:len(s.buffer)-spare], s.pcm)
	switch {
	case err != nil:
		s.errors++
		s.mark = true
	case n == 0: // RFC 7587 §3.1.3
		s.mark = true
	default:
		s.send(s.out.PayloadType, n, s.mark)
		s.mark = false
	}
	return true
}

// event sends the next packet of a key; false when there is none.
func (s *sender) event() bool {
	if s.writer == nil || !s.writer.Busy() && s.turn == 0 {
		return false
	}
	if s.turn > 0 {
		s.turn--
		return true
	}
	s.turn = s.every - 1
	s.mark = true // RFC 3551 §4.1: the audio restarts
	n, first, ok := s.writer.Next(s.buffer[header:])
	if !ok {
		return true // the pause between two keys
	}
	if first {
		s.press = s.now
	}
	// RFC 4733 §2.5.1.3: all packets of an event, or of a segment, have the timestamp
	// of its beginning. It is in units of the audio's clock, with which the stream
	// shares its numbers, even if the events have another clock.
	s.head.time = s.press + uint32(uint64(s.writer.Offset())*uint64(s.out.Format.Clock)/uint64(s.clock))
	s.send(s.out.Event, n, first)
	return true
}

// comfort describes the noise of the silence, when it has changed (RFC 3389).
func (s *sender) comfort(pcm []int16, r *receiver) {
	s.mark = true
	news := r != nil && r.news
	if s.around && (!news || time.Duration(s.since*int(s.units))*time.Second/time.Duration(s.out.Format.Clock) < again) {
		return
	}
	b := s.buffer[header:header]
	if r != nil && r.comforts > 0 && r.in.Format.Native == s.out.Format.Native { // coefficients are valid for one rate
		b = append(b, r.comfort[:r.comforts]...)
	} else {
		s.noise.Measure(pcm, coefficients)
		b = s.noise.Append(b)
	}
	if r != nil {
		r.news = false
	}
	s.around, s.since = true, 0
	s.head.time = s.now
	s.send(s.out.CN, len(b), false)
}

// send sends a packet whose payload is in the buffer.
func (s *sender) send(kind uint8, n int, mark bool) {
	s.head.kind = kind
	s.head.write(s.buffer, mark)
	s.head.seq++
	s.sent++
	s.out.Send(s.buffer[: header+n : min(header+n+spare, len(s.buffer))])
}
