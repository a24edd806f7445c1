package transcode

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestStretch shortens and lengthens a tone: its pitch stays and it does not
// click.
func TestStretch(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, freq := range []float64{110, 230, 1000} {
			for _, excess := range []int{rate / 50, -rate / 50} {
				t.Run(fmt.Sprintf("%d Hz, %v Hz, %+d", rate, freq, excess), func(t *testing.T) {
					in := sine(rate, freq, -6, 4)
					s := stretcher{rate: rate}
					var out []int16
					size := rate / 50
					room := make([]int16, 3*size)
					grown := 0
					for at := 0; at+size <= len(in); at += size {
						copy(room, in[at:at+size])
						n := s.fit(room, size, excess, time.Duration(at)*time.Second/time.Duration(rate))
						grown += n
						out = append(out, room[:size+n]...)
					}
					if len(out) != len(in)+grown || excess > 0 != (grown < 0) || max(grown, -grown) < rate/5 {
						t.Fatalf("%d samples became %d, told %d", len(in), len(out), grown)
					}
					// The steepest slope of the sine, and a quarter more.
					steep := 1.25*math.Pow(10, -6./20)*32767*2*math.Pi*freq/float64(rate) + 40
					for i := 1; i < len(out); i++ {
						if d := math.Abs(float64(out[i]) - float64(out[i-1])); d > steep {
							t.Fatalf("a step of %.0f at %d, a sine has at most %.0f", d, i, steep)
						}
					}
					if v := levelOf(out); v < -6.3 || v > -5.9 {
						t.Errorf("level %.2f dBFS", v)
					}
					crossings := 0
					for i := 1; i < len(out); i++ {
						if out[i-1] < 0 && out[i] >= 0 {
							crossings++
						}
					}
					if f := float64(crossings) * float64(rate) / float64(len(out)); math.Abs(f-freq) > freq*0.01+1 {
						t.Errorf("it has %.1f Hz", f)
					}
				})
			}
		}
	}
}

// TestStretchLeaves leaves alone what would be heard: noise without periods,
// for a difference that can wait.
func TestStretchLeaves(t *testing.T) {
	s := stretcher{rate: 8000}
	loud := append(hiss(8000, -10, 0.02), make([]int16, 160)...)
	if n := s.fit(loud, 160, 200, 0); n != 0 {
		t.Errorf("noise grew by %d", n)
	}
	tone := append(sine(8000, 400, -6, 0.02), make([]int16, 160)...)
	if n := s.fit(tone, 160, 40, 0); n != 0 {
		t.Errorf("a tone grew by %d for 5 ms", n)
	}
	still := append(hiss(8000, -60, 0.02), make([]int16, 160)...)
	if n := s.fit(still, 160, 40, 0); n >= 0 || n < -40 {
		t.Errorf("a hush grew by %d for 5 ms too much", n)
	}
}
