package dtmf

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
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

// line is a second of silence with p after 300 ms and noise over all of it.
func line(rate int, p pair, noise float64, rnd *rand.Rand) []int16 {
	x := make([]float64, rate)
	from, n := rate*3/10, int(p.length*time.Duration(rate)/time.Second)
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

func TestDetectorLimits(t *testing.T) {
	const long = 40 * time.Millisecond
	tests := []struct {
		name         string
		by1, by2     float64 // factors of the frequencies
		a1, a2       float64 // dBm0
		noise        float64
		length       time.Duration
		take, refuse bool
	}{
		{name: "nominal", a1: -9, a2: -7, length: 80 * time.Millisecond, take: true},
		{name: "shortest", a1: -9, a2: -9, length: long, take: true},
		{name: "too short", a1: -9, a2: -9, length: 20 * time.Millisecond, refuse: true},
		{name: "weakest", a1: -30, a2: -30, length: long, take: true},
		{name: "too weak", a1: -45, a2: -45, length: long, refuse: true},
		{name: "loudest", a1: -3, a2: -3, length: long, take: true},
		{name: "high 4 dB stronger", a1: -14, a2: -10, length: long, take: true},
		{name: "low 8 dB stronger", a1: -10, a2: -18, length: long, take: true},
		{name: "high 9 dB stronger", a1: -19, a2: -10, length: long, refuse: true},
		{name: "low 13 dB stronger", a1: -10, a2: -23, length: long, refuse: true},
		{name: "both 1.5 % up", by1: 0.015, by2: 0.015, a1: -10, a2: -10, length: long, take: true},
		{name: "both 1.5 % down", by1: -0.015, by2: -0.015, a1: -10, a2: -10, length: long, take: true},
		{name: "apart 1.5 %", by1: -0.015, by2: 0.015, a1: -10, a2: -10, length: long, take: true},
		{name: "towards 1.5 %", by1: 0.015, by2: -0.015, a1: -10, a2: -10, length: long, take: true},
		{name: "low 3.5 % up", by1: 0.035, a1: -10, a2: -10, length: 80 * time.Millisecond, refuse: true},
		{name: "low 3.5 % down", by1: -0.035, a1: -10, a2: -10, length: 80 * time.Millisecond, refuse: true},
		{name: "high 3.5 % up", by2: 0.035, a1: -10, a2: -10, length: 80 * time.Millisecond, refuse: true},
		{name: "high 3.5 % down", by2: -0.035, a1: -10, a2: -10, length: 80 * time.Millisecond, refuse: true},
		{name: "15 dB SNR", a1: -10, a2: -10, noise: -25, length: long, take: true},
		{name: "15 dB SNR, 1.5 % up", by1: 0.015, by2: 0.015, a1: -10, a2: -10, noise: -25, length: long, take: true},
		{name: "15 dB SNR, twisted, off", by1: -0.015, by2: 0.015, a1: -10, a2: -18, noise: -33, length: long, take: true},
		{name: "15 dB SNR, twisted back, off", by1: 0.015, by2: -0.015, a1: -14, a2: -10, noise: -29, length: long, take: true},
		{name: "weakest in noise", a1: -30, a2: -30, noise: -45, length: long, take: true},
	}
	for _, rate := range []int{8000, 16000, 48000} {
		for _, tt := range tests {
			noise := still
			if tt.noise != 0 {
				noise = tt.noise + 10*math.Log10(float64(rate)/8000) // the same within the telephone's band
			}
			rnd := rand.New(rand.NewPCG(1, uint64(rate)))
			rounds := 1
			if tt.noise != 0 && rate == 8000 {
				rounds = 20
			}
			bad, all := 0, 0
			for range rounds {
				for r := range low {
					for c := range high {
						p := pair{low[r] * (1 + tt.by1), high[c] * (1 + tt.by2), tt.a1, tt.a2, tt.length}
						got := heard(rate, line(rate, p, noise, rnd))
						all++
						if tt.take && (len(got) != 1 || got[0].Code != keypad[r][c]) || tt.refuse && len(got) != 0 {
							if bad++; bad <= 3 {
								t.Logf("%d Hz, %s: %v/%v: %v", rate, tt.name, low[r], high[c], got)
							}
						}
					}
				}
			}
			if bad > all/1000 {
				t.Errorf("%d Hz, %s: %d of %d wrong", rate, tt.name, bad, all)
			}
		}
	}
}
