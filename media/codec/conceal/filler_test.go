package conceal

import (
	"fmt"
	"math"
	"testing"

	"tandem/media/codec/codectest"
	"tandem/media/sound"
	"tandem/test/hearing"
)

var rates = []int{8000, 16000, 48000}

// TestConcealmentContinuesTones wants a steady tone to go on in phase, and no
// step where it does or where the audio comes back.
func TestConcealmentContinuesTones(t *testing.T) {
	for _, rate := range rates {
		for _, c := range []struct {
			freq, snr float64 // dB over the first 10 ms
		}{{137, 35}, {440, 30}, {1004, 18}} {
			in := codectest.Sine(rate, c.freq, 8000, 1)
			step := rate / 50
			filler := New(rate)
			out := append([]int16(nil), in...)
			for i := range 50 {
				frame := out[i*step : (i+1)*step]
				if i > 10 && i%5 == 0 {
					filler.Lost(frame)
				} else {
					filler.Good(frame)
				}
			}
			at := 15 * step
			if snr := hearing.SNR(in[at:at+step/2], out[at:at+step/2]); snr < c.snr {
				t.Errorf("%v Hz at %d: SNR of the first 10 ms is %.1f dB, want %v", c.freq, rate, snr, c.snr)
			}
			// The steepest a sine of this level gets, and a quarter more.
			steepest := 8000 * 2 * math.Pi * c.freq / float64(rate) * 1.25
			for i := 1; i < len(out); i++ {
				if d := math.Abs(float64(out[i]) - float64(out[i-1])); d > steepest+5 {
					t.Fatalf("%v Hz at %d: a step of %.0f at sample %d of packet %d, at most %.0f is smooth", c.freq, rate, d, i%step, i/step, steepest)
				}
			}
		}
	}
}

// TestConcealmentFadesToTheBackground loses packets in noise for a second.
func TestConcealmentFadesToTheBackground(t *testing.T) {
	for _, rate := range rates {
		for _, rms := range []float64{20, 150} {
			noise := codectest.Hum(rate, rms, 4)
			f := New(rate)
			step := rate / 50
			for at := 0; at+step <= len(noise)/2; at += step {
				f.Good(noise[at : at+step])
			}
			fill := make([]int16, rate)
			for at := 0; at < len(fill); at += step {
				f.Lost(fill[at : at+step])
			}
			if d := sound.Level(fill[rate/6:]) - sound.Level(noise); math.Abs(d) > 4 {
				t.Errorf("%d Hz: fill of noise at %.0f is %+.1f dB off", rate, rms, d)
			}
		}
		// Of loud sound alone nothing may stay.
		f, loudly := New(rate), codectest.Chord(rate, 1)
		f.Good(loudly)
		fill := make([]int16, rate)
		f.Lost(fill)
		if l := sound.Level(fill[rate*16/100:]); !math.IsInf(l, -1) {
			t.Errorf("%d Hz: after 160 ms a fill of tones is at %.1f dBFS", rate, l)
		}
	}
}

// TestConcealmentNeverShouts fills from whatever the last sound was: the peak
// stays near that of the last 48 ms.
func TestConcealmentNeverShouts(t *testing.T) {
	for _, rate := range rates {
		for name, in := range map[string][]int16{"loud": codectest.Loud(rate, 5), "speech": codectest.Speech(t, rate)[:5*rate]} {
			f, step := New(rate), rate/50
			for at := 0; at+step <= len(in); at += step {
				f.Good(append([]int16(nil), in[at:at+step]...))
				peak := 0
				for _, v := range f.past {
					peak = max(peak, int(v), -int(v))
				}
				fill := make([]int16, 3*step)
				f.Lost(fill)
				for i, v := range fill {
					if max(int(v), -int(v)) > peak*5/4+300 { // the background comes on top
						t.Fatalf("%s at %d Hz: %d at sample %d of the fill at %.2f s, the sound before peaked at %d", name, rate, v, i, float64(at)/float64(rate), peak)
					}
				}
			}
		}
	}
}

// BenchmarkFiller is a lost frame of 20 ms and the good one after it.
func BenchmarkFiller(b *testing.B) {
	for _, rate := range []int{8000, 16000, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			f, pcm, step := New(rate), codectest.Loud(rate, 4), rate/50
			frame := make([]int16, step)
			b.ReportAllocs()
			at := 0
			for b.Loop() {
				copy(frame, pcm[at:at+step])
				f.Good(frame)
				f.Lost(frame)
				if at += step; at+step > len(pcm) {
					at = 0
				}
			}
		})
	}
}
