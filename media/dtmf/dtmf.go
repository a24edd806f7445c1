// Package dtmf carries telephone keys in all the forms they take: RTP events
// (RFC 4733), SIP INFO and Cisco NOTIFY bodies, and tones in the audio. Each
// form is turned into Events and made from them.
package dtmf

import "time"

// Event is one key pressed. Code is RFC 4733's: 0-9, 10 *, 11 #, 12-15 A-D, 16 flash.
type Event struct {
	Code     uint8
	Duration time.Duration
	Volume   uint8 // -dBm0, 0-63
}

// Digit is the character of e: 0-9 * # A-D, ! for flash.
func (e Event) Digit() byte { panic("unwritten") }

// Parse finds the event of a character.
func Parse(digit byte) (code uint8, ok bool) { panic("unwritten") }

// Reader turns the telephone-event packets of one direction into Events: each
// once, whatever was repeated, reordered or lost, the E-bit packets included.
type Reader struct{}

// NewReader makes a reader for events on a clock (8000, 16000, 48000).
func NewReader(clock int) *Reader { panic("unwritten") }

// Packet takes one event packet. started is true at the first packet of an
// event, ended once when its end is known (E bit, or a later event).
func (r *Reader) Packet(timestamp uint32, payload []byte) (e Event, started, ended bool) {
	panic("unwritten")
}

// Idle is called while no event packets come; an event whose end was lost ends
// when none came for 3 packet times (60 ms at least).
func (r *Reader) Idle(since time.Duration) (e Event, ended bool) { panic("unwritten") }

// Writer makes the packets of one event: each ptime one payload, the last
// three with the E bit and the same duration (RFC 4733 §2.5.1.4).
type Writer struct{}

// NewWriter makes a writer on a clock with a packet time.
func NewWriter(clock int, ptime time.Duration) *Writer { panic("unwritten") }

// Start queues an event (bounded; false when full).
func (w *Writer) Start(e Event) bool { panic("unwritten") }

// Next writes the next payload, if an event is being sent. first is true for
// an event's first packet (marker bit, new timestamp); offset is the distance
// from the first packet's timestamp kept for all of its packets.
// It is called once each ptime.
func (w *Writer) Next(b []byte) (n int, first bool, ok bool) { panic("unwritten") }

// Rescale rewrites the duration of an event payload in place between clocks.
func Rescale(payload []byte, from, to int) { panic("unwritten") }

// Detector finds keys in PCM (Goertzel, ITU-T Q.24 limits).
type Detector struct{}

// NewDetector makes one for mono PCM at 8000 or 16000 or 48000 Hz.
func NewDetector(rate int) *Detector { panic("unwritten") }

// Process takes samples and calls back for each key when it has ended.
func (d *Detector) Process(pcm []int16, found func(Event)) { panic("unwritten") }

// Present says whether the last samples hold a key that has begun: such audio
// is muted when the key is carried in another form.
func (d *Detector) Present() bool { panic("unwritten") }

// Tone writes a key as audio into pcm from a place in it (samples since its
// start) and returns false when the event is over.
func Tone(pcm []int16, rate int, e Event, at int) bool { panic("unwritten") }

// ReadBody reads the body of an INFO (application/dtmf-relay, application/dtmf)
// or NOTIFY (audio/telephone-event).
func ReadBody(contentType string, body []byte) (Event, error) { panic("unwritten") }

// WriteBody makes such a body.
func WriteBody(contentType string, e Event) ([]byte, error) { panic("unwritten") }
