package phones_test

import (
	"path/filepath"
	"testing"
	"time"

	"tandem/interop/phones"
	"tandem/media/sound"
)

// The judge must tell right from wrong, or the calls prove nothing.
func TestListen(t *testing.T) {
	t.Parallel()
	part := func(freq, level float64, d time.Duration) []int16 { return sound.Tone(freq, level, d) }
	file := filepath.Join(t.TempDir(), "x.wav")
	for _, c := range []struct {
		name   string
		audio  [][]int16
		freq   float64
		length time.Duration // of the longest, to 60 ms
	}{
		{"one tone", [][]int16{part(700, -15, time.Second)}, 700, time.Second},
		{"a dropped packet", [][]int16{part(700, -15, time.Second), sound.Silence(40 * time.Millisecond), part(700, -15, time.Second)}, 700, 2040 * time.Millisecond},
		{"two tones", [][]int16{part(700, -15, time.Second), part(440, -15, 2*time.Second)}, 440, 2 * time.Second},
		{"a pause", [][]int16{part(700, -15, time.Second), sound.Silence(time.Second), part(700, -15, 500*time.Millisecond)}, 700, time.Second},
		{"silence", [][]int16{sound.Silence(time.Second)}, 0, 0},
		{"far too faint", [][]int16{part(700, -60, time.Second)}, 0, 0},
	} {
		var all []int16
		for _, p := range c.audio {
			all = append(all, p...)
		}
		if err := sound.WriteWAV(file, all); err != nil {
			t.Fatal(err)
		}
		h, err := phones.Listen(file)
		if err != nil {
			t.Fatal(err)
		}
		got := h.Longest()
		if d := got.Freq - c.freq; d > 3 || d < -3 {
			t.Errorf("%s: %.1f Hz, want %.0f", c.name, got.Freq, c.freq)
		}
		if d := got.Length - c.length; d > 60*time.Millisecond || d < -60*time.Millisecond {
			t.Errorf("%s: %s, want %s", c.name, got.Length, c.length)
		}
	}
	if _, err := phones.Listen(file + "x"); err == nil {
		t.Error("a file that is not there is no error")
	}
}
