package resample_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"tandem/media/codec/codectest"
	"tandem/media/codec/resample"
)

// pairs are all changes of rate there are in a call.
var pairs = [][2]int{{8000, 16000}, {8000, 48000}, {16000, 48000}, {48000, 16000}, {48000, 8000}, {16000, 8000}}

// through resamples in packets of 20 ms.
func through(from, to int, in []int16) []int16 {
	r := resample.New(from, to)
	var out []int16
	buffer := make([]int16, to/50+1)
	for step := from / 50; len(in) > 0; {
		n := min(step, len(in))
		out = append(out, buffer[:r.Process(buffer, in[:n])]...)
		in = in[n:]
	}
	return out
}

// power of the component of pcm at freq, as a mean square.
func powerAt(pcm []int16, rate int, freq float64) float64 {
	var re, im, window float64
	for i, v := range pcm {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		s, c := math.Sincos(2 * math.Pi * freq * float64(i) / float64(rate))
		re, im, window = re+w*c*float64(v), im+w*s*float64(v), window+w
	}
	return 2 * (re*re + im*im) / (window * window)
}

// meanSquare is the power of pcm.
func meanSquare(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(pcm))
}

func decibel(ratio float64) float64 { return 10 * math.Log10(ratio) }

// TestResamplerResponse measures what passes, and what a tone leaves at the
// places of its images and aliases.
func TestResamplerResponse(t *testing.T) {
	const ripple, image = 0.1, -70.0 // what the design gives; 0.7 and -70 are asked
	for _, pair := range pairs {
		from, to := pair[0], pair[1]
		low := float64(min(from, to))
		worst, loudest := 0.0, math.Inf(-1)
		for f := 100.0; f <= 0.425*low; f += 100 {
			out := through(from, to, codectest.Sine(from, f, 16000, 0.4))
			out = out[to/10:]
			gain := decibel(powerAt(out, to, f) / (16000 * 16000 / 2))
			worst = max(worst, math.Abs(gain))
			// Images lie around the multiples of the lower rate.
			for m := low; m <= float64(to)/2; m += low {
				for _, g := range []float64{m - f, m + f} {
					if g > 0 && g < float64(to)/2 && math.Abs(g-f) > 50 {
						loudest = max(loudest, decibel(powerAt(out, to, g)/(16000*16000/2)))
					}
				}
			}
		}
		if to < from { // what lies above the band must not fold into it
			for f := 0.575 * low; f < float64(from)/2; f += 170 {
				out := through(from, to, codectest.Sine(from, f, 16000, 0.4))[to/10:]
				loudest = max(loudest, decibel(meanSquare(out)/(16000*16000/2)))
			}
		}
		t.Logf("%d to %d Hz: ripple %.3f dB to %.0f Hz, images and aliases %.1f dB, delay %v",
			from, to, worst, 0.425*low, loudest, resample.New(from, to).Delay())
		if worst > ripple || loudest > image {
			t.Errorf("%d to %d Hz: ripple %.3f dB, want at most %v; images %.1f dB, want at most %v", from, to, worst, ripple, loudest, image)
		}
	}
}

// TestResamplerDelayAndStream holds the stated delay against the audio's, and
// any cutting of the stream into packets against one piece.
func TestResamplerDelayAndStream(t *testing.T) {
	for _, pair := range append([][2]int{{44100, 8000}, {8000, 44100}, {11025, 48000}, {22050, 16000}}, pairs...) {
		from, to := pair[0], pair[1]
		r := resample.New(from, to)
		in := make([]int16, from/2)
		at := from / 4
		for i := -20; i <= 20; i++ { // a soft bump, its middle at `at`
			x := float64(i) / 20 * math.Pi
			in[at+i*from/8000] = 0
			for k := range from / 8000 {
				in[at+i*from/8000+k] = int16(8000 * (1 + math.Cos(x+math.Pi/20*float64(k)*8000/float64(from))))
			}
		}
		whole := make([]int16, r.Count(len(in)))
		if n := r.Process(whole, in); n != len(whole) {
			t.Fatalf("%d to %d: %d samples, counted %d", from, to, n, len(whole))
		}
		if want := len(in) * to / from; len(whole) < want || len(whole) > want+1 {
			t.Errorf("%d to %d: %d samples made %d", from, to, len(in), len(whole))
		}
		var weight, moment float64
		for i, v := range whole {
			weight, moment = weight+float64(v), moment+float64(v)*float64(i)
		}
		var weightIn, momentIn float64
		for i, v := range in {
			weightIn, momentIn = weightIn+float64(v), momentIn+float64(v)*float64(i)
		}
		delay := time.Duration((moment/weight/float64(to) - momentIn/weightIn/float64(from)) * float64(time.Second))
		if (delay - r.Delay()).Abs() > 30*time.Microsecond {
			t.Errorf("%d to %d: delay %v, said %v", from, to, delay, r.Delay())
		}
		pieces := resample.New(from, to)
		var got []int16
		buffer := make([]int16, 20000)
		for i, n := 0, 1; i < len(in); i, n = i+n, n*7%613+1 {
			n = min(n, len(in)-i)
			count := pieces.Count(n)
			if made := pieces.Process(buffer, in[i:i+n]); made != count {
				t.Fatalf("%d to %d: made %d, counted %d", from, to, made, count)
			}
			got = append(got, buffer[:count]...)
		}
		if fmt.Sprint(got) != fmt.Sprint(whole) {
			t.Errorf("%d to %d: pieces differ from the whole", from, to)
		}
	}
}

func TestResamplerRefuses(t *testing.T) {
	for _, pair := range [][2]int{{0, 8000}, {8000, -1}, {47999, 192000}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was taken", pair)
				}
			}()
			resample.New(pair[0], pair[1])
		}()
	}
	if r := resample.New(8000, 8000); r.Delay() != 0 || r.Count(7) != 7 || r.Process(make([]int16, 7), make([]int16, 7)) != 7 {
		t.Error("no change of rate is not the identity")
	}
}

// TestResamplerClips takes full-scale square waves, whose overshoot has no
// place in 16 bits.
func TestResamplerClips(t *testing.T) {
	in := make([]int16, 8000)
	for i := range in {
		in[i] = 32767
		if i/20%2 == 1 {
			in[i] = -32768
		}
	}
	for i, v := range through(8000, 48000, in) {
		half, at := (i-96)/120, (i-96)%120 // 96: the delay
		if i < 1000 || at < 30 || at > 90 {
			continue
		}
		if v < 25000 && v > -25000 || (v > 0) != (half%2 == 0) {
			t.Fatalf("sample %d is %d", i, v)
		}
	}
}

// BenchmarkResample is a frame of 20 ms.
func BenchmarkResample(b *testing.B) {
	for _, pair := range [][2]int{{8000, 16000}, {8000, 48000}, {16000, 48000}, {48000, 16000}, {48000, 8000}, {16000, 8000}} {
		b.Run(fmt.Sprintf("%d-%d", pair[0], pair[1]), func(b *testing.B) {
			r := resample.New(pair[0], pair[1])
			in, out := codectest.Loud(pair[0], 0.02), make([]int16, pair[1]/50)
			b.ReportAllocs()
			for b.Loop() {
				r.Process(out, in)
			}
		})
	}
}
