package peers

import (
	"fmt"
	"path/filepath"
	"time"

	"tandem/cmd/tandem/softphone/sound"
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
	return Heard{File: file, Length: sound.Duration(len(s)), Tones: sound.Segments(s)}, nil
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
		out += fmt.Sprintf(" %.1f Hz at %.1f dBFS for %.2f s;", t.Freq, t.Level, t.Length.Seconds())
	}
	return out
}

// Tone writes a WAV file of one tone, freq in Hz, level in dBFS.
func Tone(file string, freq, level float64, length time.Duration) error {
	return sound.WriteWAV(file, sound.Tone(freq, level, length))
}
