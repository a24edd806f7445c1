package hearing

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tandem/media/sound"
)

// babble is noise whose level in low and high bands moves like speech does.
func babble(n int, seed uint64) []int16 {
	random := rand.New(rand.NewPCG(seed, 1))
	out := make([]int16, n)
	low, last := 0.0, 0.0
	for i := range out {
		t := float64(i) / sound.Rate
		x := random.NormFloat64()
		low = 0.8*low + x
		v := 800*low*(1+math.Sin(2*math.Pi*3*t)) + 1200*(x-last)*(1+math.Sin(2*math.Pi*4.7*t+1))
		last = x
		out[i] = int16(min(max(v, -32768), 32767))
	}
	return out
}

func TestSNR(t *testing.T) {
	s := sound.Tone(1000, -10, time.Second)
	if v := SNR(s, s); !math.IsInf(v, 1) {
		t.Errorf("of the same: %v", v)
	}
	if v := SNR(s, make([]int16, len(s))); math.Abs(v) > 0.01 {
		t.Errorf("of silence: %v, want 0", v)
	}
	noisy := append([]int16(nil), s...)
	for i := range noisy {
		noisy[i] += int16(300 - 600*(i%2))
	}
	want := sound.Level(s) - sound.Level([]int16{300, -300})
	if v := SNR(s, noisy); math.Abs(v-want) > 0.1 {
		t.Errorf("SNR %v, want %v", v, want)
	}
	if v := SegmentalSNR(s, noisy, sound.Rate); math.Abs(v-want) > 0.5 {
		t.Errorf("segmental SNR %v, want %v", v, want)
	}
	// Ten loud segments that are perfect and ten soft ones that are lost.
	mixed := append(sound.Tone(1000, -10, 200*time.Millisecond), sound.Tone(1000, -40, 200*time.Millisecond)...)
	half := append([]int16(nil), mixed...)
	clear(half[1600:])
	if v := SegmentalSNR(mixed, half, sound.Rate); math.Abs(v-17.5) > 0.1 {
		t.Errorf("segmental SNR of half %v, want 17.5", v)
	}
	if v := SegmentalSNR(sound.Silence(time.Second), s, sound.Rate); !math.IsNaN(v) {
		t.Errorf("segmental SNR of nothing %v", v)
	}
}

func TestLogSpectralDistance(t *testing.T) {
	a := babble(2*sound.Rate, 1)
	if d := LogSpectralDistance(a, a, sound.Rate, 3400); d > 1e-9 { // rounding
		t.Errorf("of the same: %v", d)
	}
	half := append([]int16(nil), a...)
	for i := range half {
		half[i] /= 2
	}
	// 6 dB everywhere but where the floor stands.
	if d := LogSpectralDistance(a, half, sound.Rate, 3400); d < 4.5 || d > 6.1 {
		t.Errorf("of half: %v", d)
	}
	other, nothing := LogSpectralDistance(a, babble(2*sound.Rate, 2), sound.Rate, 3400), LogSpectralDistance(a, make([]int16, len(a)), sound.Rate, 3400)
	if !(other > 3 && nothing > other) {
		t.Errorf("of other noise %v, of silence %v", other, nothing)
	}
}

func TestIntelligibility(t *testing.T) {
	a := babble(4*sound.Rate, 1)
	if v := Intelligibility(a, a, sound.Rate); math.Abs(v-1) > 0.001 {
		t.Errorf("of the same: %v", v)
	}
	last := 1.0
	for _, level := range []float64{0.3, 1, 4} {
		noisy, noise := append([]int16(nil), a...), rand.New(rand.NewPCG(9, 9))
		for i, v := range noisy {
			noisy[i] = int16(min(max(float64(v)+level*2000*noise.NormFloat64(), -32768), 32767))
		}
		v := Intelligibility(a, noisy, sound.Rate)
		if v >= last-0.01 {
			t.Errorf("noise of %v: %v, with less of it %v", level, v, last)
		}
		last = v
	}
	random, noise := make([]int16, len(a)), rand.New(rand.NewPCG(4, 4))
	for i := range random {
		random[i] = int16(1000 * noise.NormFloat64())
	}
	if v := Intelligibility(a, random, sound.Rate); math.Abs(v) > 0.15 {
		t.Errorf("of noise alone: %v", v)
	}
	if v := Intelligibility(a[:100], a[:100], sound.Rate); !math.IsNaN(v) {
		t.Errorf("of too little: %v", v)
	}
}

func TestLag(t *testing.T) {
	a := babble(sound.Rate, 5)
	for _, want := range []int{0, 1, 37, 200} {
		late := make([]int16, len(a)+want)
		for i, v := range a {
			late[i+want] = v / 2
		}
		if lag, likeness := Lag(a[:4000], late, 300); lag != want || likeness < 0.99 {
			t.Errorf("lag %d with %.3f, want %d", lag, likeness, want)
		}
	}
	if lag, likeness := Lag(nil, nil, 10); lag != 0 || likeness != 0 {
		t.Errorf("of nothing: %d, %v", lag, likeness)
	}
}

// TestSineSNR buries tones in noise, for times that hold no whole number of periods.
func TestSineSNR(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, freq := range []float64{400, 1000, 1004, 3333} {
		s := sound.ToneAt(16000, freq, -10, 103*time.Millisecond)
		s = s[200 : len(s)-200] // tones fade in and out
		if snr := SineSNR(16000, s, freq); snr < 60 {
			t.Errorf("%v Hz alone: %.1f dB", freq, snr)
		}
		noise := math.Pow(10, -40.0/20) * 32768 / math.Sqrt2
		for i := range s {
			s[i] += int16(random.NormFloat64() * noise)
		}
		if snr := SineSNR(16000, s, freq); math.Abs(snr-30) > 1 {
			t.Errorf("%v Hz 30 dB above noise: %.1f dB", freq, snr)
		}
	}
}
