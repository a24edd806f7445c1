// Package trial is the sound by which a trunk is tried: a tone that is played to it, and
// what is heard of the other side.
//
// It makes no calls.
package trial

import (
	"sync"
	"time"

	"tandem/media"
	"tandem/media/quality"
	"tandem/media/sound"
	"tandem/media/transcode"
)

// The tone that is sent: a second of it, and a second of silence.
const (
	tone  = 1004.0 // Hz, that of test lines
	level = -16.0  // dBFS
)

// Longest is how long is listened at most.
const Longest = 60 * time.Second

// Result is what came of it.
type Result struct {
	// Heard is what the trunk's side said: how long that was not silence, how loud, and
	// the tones in it.
	Heard time.Duration
	Level float64 // dBFS, of what was no silence
	Tones []sound.Segment
	Echo  bool // the tone that was sent came back
	// Sent is how many packets went to the trunk, and Hears what it says of them (RTCP).
	Sent  media.Counts
	Hears quality.Remote
}

// Ear hears the other side.
type Ear struct {
	last media.LegReport

	mu  sync.Mutex
	pcm []int16 // heard, at sound.Rate
}

// Hear keeps what is said, at sound.Rate. A worker of the media may call it.
func (e *Ear) Hear(pcm []int16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.pcm) < sound.Samples(Longest) {
		e.pcm = append(e.pcm, pcm...)
	}
}

// Note keeps the figures of the sound of a session whose side A is the trunk's.
func (e *Ear) Note(report media.Report) {
	for _, s := range report.Streams {
		if s.Kind == "audio" {
			e.last = s.Sides[media.A]
			return
		}
	}
}

// Result judges what was heard.
func (e *Ear) Result() Result {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := Result{Tones: sound.Segments(e.pcm), Sent: e.last.Sent, Hears: e.last.Hears}
	var loud []int16
	for step := sound.Samples(20 * time.Millisecond); len(e.pcm) >= step; e.pcm = e.pcm[step:] {
		if sound.Level(e.pcm[:step]) > sound.Quiet {
			loud = append(loud, e.pcm[:step]...)
		}
	}
	out.Heard = sound.Duration(len(loud))
	if len(loud) > 0 {
		out.Level = sound.Level(loud)
	}
	for _, s := range out.Tones {
		out.Echo = out.Echo || s.Freq > 0.99*tone && s.Freq < 1.01*tone
	}
	return out
}

// Tone plays the tone again and again.
func Tone(rate int) transcode.Source {
	return &looped{pcm: append(sound.ToneAt(rate, tone, level, time.Second), make([]int16, rate)...)}
}

// looped plays the same again and again.
type looped struct {
	pcm []int16
	at  int
}

// Read implements transcode.Source.
func (l *looped) Read(pcm []int16) int {
	for n := 0; n < len(pcm); {
		c := copy(pcm[n:], l.pcm[l.at:])
		n, l.at = n+c, (l.at+c)%len(l.pcm)
	}
	return len(pcm)
}
