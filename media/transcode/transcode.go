// Package transcode converts audio on its way: packets in, jitter buffer,
// decoder, concealment, resampling, then announcements, tones and keys, then
// encoder and packets out. Paths are served by workers of their own, paced by
// a clock, so that an encode never delays a relayed packet.
package transcode

import (
	"context"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
)

// Pool is the workers that serve paths.
type Pool struct{}

// NewPool makes a pool; workers 0 is one per core.
func NewPool(workers int) *Pool { panic("unwritten") }

// Run serves until ctx ends.
func (p *Pool) Run(ctx context.Context) error { panic("unwritten") }

// Input says what comes in. The zero Format is no input (announcements only).
type Input struct {
	Format             codec.Format
	PayloadType        uint8
	CN                 uint8 // payload number of comfort noise; 255 none
	Event              uint8 // of telephone-event; 255 none
	EventClock         int
	MinDelay, MaxDelay time.Duration // of the jitter buffer; 0: 20 ms and 200 ms
}

// Output says what goes out. The zero Format is no output (recording only).
type Output struct {
	Format      codec.Format
	PayloadType uint8
	CN, Event   uint8 // 255 none
	EventClock  int
	Ptime       time.Duration // 10 to 60 ms
	Fmtp        string
	SSRC        uint32
	// Send is given each packet, header and payload, on a pool worker; it must
	// not block. b has 64 octets of spare capacity.
	Send func(b []byte)
}

// Source is audio of our own: an announcement, a tone. Read fills pcm (mono,
// at the rate asked in Play) and returns how many samples; fewer than asked
// ends it.
type Source interface {
	Read(pcm []int16) int
}

// Path is one direction of one call.
type Path struct{}

// Options of a path beyond its ends.
type Options struct {
	In  Input
	Out Output
	// Key is called for each key heard, by events or (with Inband) in the audio.
	Key    func(dtmf.Event)
	Inband bool
	// Tap is given all decoded audio at Rate, silence included, in steps of
	// 10 to 60 ms, for recording. It must not block or keep pcm.
	Tap func(pcm []int16, rate int)
}

// Add makes a path and starts serving it.
func (p *Pool) Add(o Options) (*Path, error) { panic("unwritten") }

// Push gives a received RTP packet (plain, whole). Called by one goroutine at a
// time, never blocks; b is copied. It says false when the queue is full.
func (p *Path) Push(b []byte, at time.Time) bool { panic("unwritten") }

// Play puts a source in place of the input, at the path's PCM rate as given to
// make; nil ends it. done is called when it has ended by itself or was replaced.
func (p *Path) Play(make func(rate int) Source, done func(finished bool)) { panic("unwritten") }

// Send queues a key to go out in the form Out allows: events, else tones.
func (p *Path) Send(e dtmf.Event) bool { panic("unwritten") }

// Mute replaces the input by silence (hold) without ending it.
func (p *Path) Mute(on bool) { panic("unwritten") }

// Stats is what a path has done.
type Stats struct {
	Concealed, BufferDelay, BufferTarget time.Duration
	Late, Overflow, DecodeErrors         uint64
	PacketsIn, PacketsOut                uint64
}

func (p *Path) Stats() Stats { panic("unwritten") }

// Close ends the path; no Send, Key or Tap follows its return.
func (p *Path) Close() { panic("unwritten") }
