package phones

import (
	"fmt"
	"math"
	"path/filepath"
	"time"

	"tandem/media/sound"
)

// Heard is recorded audio: the tones in it.
type Heard struct {
	File   string
	Length time.Duration
	Tones  []sound.Segment
}

// Listen judges a WAV file.
func Listen(file string) (Heard, error) {
	s, err := sound.ReadWAV(file)
	if err != nil {
		return Heard{}, fmt.Errorf("judging what was heard: %w", err)
	}
	return Heard{File: file, Length: sound.Duration(len(s)), Tones: join(sound.Segments(s))}, nil
}

// breath is the longest gap that does not end a tone: a phone on a busy machine
// drops or stretches a packet or two.
const breath = 120 * time.Millisecond

// join makes one of segments of the same tone with hardly a gap between. The
// longer part counts for level and frequency.
func join(all []sound.Segment) []sound.Segment {
	var out []sound.Segment
	for _, t := range all {
		if n := len(out); n > 0 {
			last := &out[n-1]
			gap := t.Start - last.Start - last.Length
			if gap <= breath && math.Abs(t.Freq-last.Freq) < 0.01*t.Freq {
				if t.Length > last.Length {
					last.Freq, last.Level = t.Freq, t.Level
				}
				last.Length = t.Start + t.Length - last.Start
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// Longest is the longest steady tone.
func (h Heard) Longest() (best sound.Segment) {
	for _, t := range h.Tones {
		if t.Length > best.Length {
			best = t
		}
	}
	return best
}

// String is what a person would note.
func (h Heard) String() string {
	out := fmt.Sprintf("%s, %.1f s:", filepath.Base(h.File), h.Length.Seconds())
	for _, t := range h.Tones {
		out += fmt.Sprintf(" from %.2f s %.1f Hz at %.1f dBFS for %.2f s;", t.Start.Seconds(), t.Freq, t.Level, t.Length.Seconds())
	}
	return out
}

// Tone writes a WAV file of one tone, freq in Hz, level in dBFS.
func Tone(file string, freq, level float64, length time.Duration) error {
	return sound.WriteWAV(file, sound.Tone(freq, level, length))
}
