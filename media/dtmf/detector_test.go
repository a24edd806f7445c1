package dtmf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/zaf/g711"
)

// pair is two sines such as no Tone makes: any frequency, level and length.
type pair struct {
	f1, f2 float64
	a1, a2 float64 // dBm0
	length time.Duration
}

func sine(pcm []float64, rate int, f, dBm0 float64, from, n int) {
	a := math.Pow(10, (dBm0-fullScale)/20)
	for i := range n {
		pcm[from+i] += a * math.Sin(2*math.Pi*f*float64(i)/float64(rate))
	}
}

// line is a second of silence with p after about 300 ms and noise over all of it.
func line(rate int, p pair, noise float64, rnd *rand.Rand) []int16 {
	x := make([]float64, rate)
	from, n := rate*3/10+rnd.IntN(rate/100), int(p.length*time.Duration(rate)/time.Second)
	sine(x, rate, p.f1, p.a1, from, n)
	sine(x, rate, p.f2, p.a2, from, n)
	return noisy(x, noise, rnd)
}

// noisy adds white noise of so many dBm0 and makes samples of it.
func noisy(x []float64, dBm0 float64, rnd *rand.Rand) []int16 {
	a := math.Pow(10, (dBm0-fullScale)/20) / math.Sqrt2
	out := make([]int16, len(x))
	for i, v := range x {
		if !math.IsInf(dBm0, -1) {
			v += a * rnd.NormFloat64()
		}
		out[i] = int16(math.Round(min(max(v*32768, -32768), 32767)))
	}
	return out
}

func heard(rate int, pcm []int16) (keys []Event) {
	d := NewDetector(rate)
	for part := range slices.Chunk(pcm, rate/50) {
		d.Process(part, func(e Event) { keys = append(keys, e) })
	}
	return keys
}

// still is no noise at all.
var still = math.Inf(-1)

// limit is a way of pressing a key that must be heard, or must not.
type limit struct {
	name     string
	by1, by2 float64 // relative change of the frequencies
	a1, a2   float64 // dBm0
	noise    float64 // dBm0; 0 none
	length   time.Duration
	take     bool
}

const (
	short = 40 * time.Millisecond
	long  = 80 * time.Millisecond
)

// limits are those of ITU-T Q.24, a little wider where they say "may".
var limits = []limit{
	{name: "nominal", a1: -9, a2: -7, length: long, take: true},
	{name: "shortest", a1: -9, a2: -9, length: short, take: true},
	{name: "too short", a1: -9, a2: -9, length: 20 * time.Millisecond},
	{name: "weakest", a1: -30, a2: -30, length: short, take: true},
	{name: "too weak", a1: -45, a2: -45, length: short},
	{name: "loudest", a1: -3, a2: -3, length: short, take: true},
	{name: "high 4 dB stronger", a1: -14, a2: -10, length: short, take: true},
	{name: "low 8 dB stronger", a1: -10, a2: -18, length: short, take: true},
	{name: "high 9 dB stronger", a1: -19, a2: -10, length: short},
	{name: "low 13 dB stronger", a1: -10, a2: -23, length: short},
	{name: "both 1.5 % up", by1: 0.015, by2: 0.015, a1: -10, a2: -10, length: short, take: true},
	{name: "both 1.5 % down", by1: -0.015, by2: -0.015, a1: -10, a2: -10, length: short, take: true},
	{name: "apart 1.5 %", by1: -0.015, by2: 0.015, a1: -10, a2: -10, length: short, take: true},
	{name: "towards 1.5 %", by1: 0.015, by2: -0.015, a1: -10, a2: -10, length: short, take: true},
	{name: "low 3.5 % up", by1: 0.035, a1: -10, a2: -10, length: long},
	{name: "low 3.5 % down", by1: -0.035, a1: -10, a2: -10, length: long},
	{name: "high 3.5 % up", by2: 0.035, a1: -10, a2: -10, length: long},
	{name: "high 3.5 % down", by2: -0.035, a1: -10, a2: -10, length: long},
	{name: "15 dB SNR", a1: -10, a2: -10, noise: -25, length: short, take: true},
	{name: "15 dB SNR, 1.5 % up", by1: 0.015, by2: 0.015, a1: -10, a2: -10, noise: -25, length: short, take: true},
	{name: "15 dB SNR, twisted, off", by1: -0.015, by2: 0.015, a1: -10, a2: -18, noise: -33, length: short, take: true},
	{name: "15 dB SNR, twisted back, off", by1: 0.015, by2: -0.015, a1: -14, a2: -10, noise: -29, length: short, take: true},
	{name: "weakest in noise", a1: -30, a2: -30, noise: -45, length: short, take: true},
}

func TestDetectorLimits(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, l := range limits {
			t.Run(fmt.Sprint(rate, " Hz, ", l.name), func(t *testing.T) {
				t.Parallel()
				noise, rounds := still, 3
				if l.noise != 0 {
					noise = l.noise + 10*math.Log10(float64(rate)/8000) // the same within the telephone's band
					if rate == 8000 {
						rounds = 20
					}
				}
				rnd := rand.New(rand.NewPCG(1, uint64(rate)))
				for range rounds {
					l.try(t, rate, noise, rnd)
				}
			})
		}
	}
}

// try presses all keys this way.
func (l limit) try(t *testing.T, rate int, noise float64, rnd *rand.Rand) {
	for r := range low {
		for c := range high {
			p := pair{low[r] * (1 + l.by1), high[c] * (1 + l.by2), l.a1, l.a2, l.length}
			got := heard(rate, line(rate, p, noise, rnd))
			if l.take && (len(got) != 1 || got[0].Code != keypad[r][c]) || !l.take && len(got) != 0 {
				t.Errorf("%d Hz, %s: %v/%v: %v", rate, l.name, low[r], high[c], got)
			}
		}
	}
}

// Ten thousand keys as tones, through µ-law, in a little noise.
func TestTenThousandDigitsAsTones(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ rate, digits int }{{8000, 10000}, {16000, 1000}, {48000, 1000}} {
		d := NewDetector(c.rate)
		var want, have []byte
		pcm := make([]int16, c.rate/50)
		found := func(e Event) { have = append(have, e.Digit()) }
		for range c.digits {
			e := Event{Code: uint8(rnd.IntN(16)), Duration: time.Duration(50+rnd.IntN(80)) * time.Millisecond, Volume: uint8(rnd.IntN(20))}
			want = append(want, e.Digit())
			pause := (45 + rnd.IntN(60)) * c.rate / 1000
			for at, more := 0, true; more; at += len(pcm) {
				more = Tone(pcm, c.rate, e, at)
				throughULaw(pcm, rnd)
				d.Process(pcm, found)
			}
			for ; pause > 0; pause -= len(pcm) {
				clear(pcm)
				throughULaw(pcm, rnd)
				d.Process(pcm[:min(len(pcm), pause)], found)
			}
		}
		clear(pcm)
		for range 5 {
			d.Process(pcm, found)
		}
		if string(have) != string(want) {
			t.Errorf("%d Hz: %d digits of %d, the first difference at %d", c.rate, len(have), len(want), differs(have, want))
		}
	}
}

// throughULaw adds noise of -50 dBm0 and codes and decodes.
func throughULaw(pcm []int16, rnd *rand.Rand) {
	for i, v := range pcm {
		n := min(max(float64(v)+rnd.NormFloat64()*50, -32768), 32767)
		pcm[i] = g711.DecodeUlawFrame(g711.EncodeUlawFrame(int16(n)))
	}
}

// A pause of 40 ms parts two keys, an interruption of 10 ms does not.
func TestPausesAndInterruptions(t *testing.T) {
	for _, tt := range []struct {
		off  time.Duration
		want int
	}{{10 * time.Millisecond, 1}, {40 * time.Millisecond, 2}} {
		for r := range low {
			for c := range high {
				x := make([]float64, 8000)
				sine(x, 8000, low[r], -9, 800, 640)
				sine(x, 8000, high[c], -9, 800, 640)
				next := 800 + 640 + int(tt.off.Milliseconds()*8)
				sine(x, 8000, low[r], -9, next, 640)
				sine(x, 8000, high[c], -9, next, 640)
				if got := heard(8000, noisy(x, still, nil)); len(got) != tt.want {
					t.Errorf("%v without %v/%v: %v", tt.off, low[r], high[c], got)
				}
			}
		}
	}
}

// What is heard is as long and as loud as it was, and is held back in time.
func TestDetectorMeasures(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		e := Event{Code: 5, Duration: 100 * time.Millisecond, Volume: 10}
		pcm := make([]int16, rate/2)
		Tone(pcm[rate/10:], rate, e, 0)
		got := heard(rate, pcm)
		if len(got) != 1 || (got[0].Duration-e.Duration).Abs() > 10*time.Millisecond || got[0].Volume < 9 || got[0].Volume > 12 {
			t.Errorf("%d Hz: %+v", rate, got)
		}
		d := NewDetector(rate)
		d.Process(pcm[:rate/10], nil)
		if d.Present() {
			t.Errorf("%d Hz: held back before it began", rate)
		}
		d.Process(pcm[rate/10:rate/10+rate*3/100], nil)
		if !d.Present() {
			t.Errorf("%d Hz: not held back after 30 ms", rate)
		}
		d.Process(pcm[rate/10+rate*3/100:], nil)
		if d.Present() {
			t.Errorf("%d Hz: held back for ever", rate)
		}
	}
}

// Noise, single tones, dial tones and music-like chords are no keys.
func TestOtherSoundsAreNoKeys(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 9))
	noise := noisy(make([]float64, 8000*120), -15, rnd)
	if got := heard(8000, noise); len(got) != 0 {
		t.Errorf("two minutes of noise: %v", got)
	}
	for _, chord := range [][]float64{{350, 440}, {440, 480}, {480, 620}, {425}, {697}, {1209}, {941, 770}, {1209, 1477}, {2600}, {697, 1209, 1400}, {600, 1250}, {1004}, {697, 1209, 2418}} {
		x := make([]float64, 16000)
		for _, f := range chord {
			sine(x, 8000, f, -12, 1000, 8000)
		}
		if got := heard(8000, noisy(x, -50, rnd)); len(got) != 0 {
			t.Errorf("%v Hz: %v", chord, got)
		}
	}
}

func BenchmarkDetector(b *testing.B) {
	for _, rate := range []int{8000, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			d := NewDetector(rate)
			pcm := noisy(make([]float64, rate/50), -20, rand.New(rand.NewPCG(1, 2)))
			b.ReportAllocs()
			for b.Loop() {
				d.Process(pcm, nil)
			}
		})
	}
}
