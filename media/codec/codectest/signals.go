// Package codectest has signals on which codecs are tried, and a program that knows them.
package codectest

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"

	"tandem/media/codec/resample"
)

// Loud is seconds of tones of all levels, noise, steps and silence.
func Loud(rate int, seconds float64) []int16 {
	pcm := make([]int16, int(float64(rate)*seconds))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range pcm {
		t := float64(i) / float64(rate)
		level := 32000 * math.Pow(10, -3*math.Abs(math.Sin(0.7*t)))
		v := 0.0
		switch int(t*5) % 5 {
		case 0, 1:
			v = level * math.Sin(2*math.Pi*(200*t+600*t*t))
		case 2:
			v = level * (random.Float64()*2 - 1)
		case 3:
			v = level * math.Copysign(1, math.Sin(2*math.Pi*440*t))
		}
		pcm[i] = int16(v)
	}
	return pcm
}

// Sine of an amplitude.
func Sine(rate int, freq, amplitude, seconds float64) []int16 {
	pcm := make([]int16, int(float64(rate)*seconds))
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*freq*float64(i)/float64(rate))))
	}
	return pcm
}

// Chord is five tones within the telephone band, at -12 dBFS together.
func Chord(rate int, seconds float64) []int16 {
	pcm := make([]int16, int(float64(rate)*seconds))
	for i := range pcm {
		v := 0.0
		for k, f := range []float64{313, 547, 911, 1453, 2239} {
			v += 3600 * math.Sin(2*math.Pi*f*float64(i)/float64(rate)+float64(k))
		}
		pcm[i] = int16(math.Round(v))
	}
	return pcm
}

// Hum is noise with most of its power below 1 kHz.
func Hum(rate int, rms float64, seconds float64) []int16 {
	pcm := make([]int16, int(float64(rate)*seconds))
	random := rand.New(rand.NewPCG(3, 4))
	pole := math.Exp(-2 * math.Pi * 300 / float64(rate))
	gain := rms * math.Sqrt(1-pole*pole)
	v := 0.0
	for i := range pcm {
		v = pole*v + gain*random.NormFloat64()
		pcm[i] = int16(math.Round(min(max(v, -32768), 32767)))
	}
	return pcm
}

// sentences are spoken by four voices.
var sentences = []struct{ voice, text string }{
	{"en-us", "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background."},
	{"en-gb+f3", "It is easy to tell the depth of a well. These days a chicken leg is a rare dish."},
	{"de", "Die Leitung ist frei, bitte sprechen Sie nach dem Signal. Zwei mal drei ist sechs."},
	{"es+f2", "Rice is often served in round bowls. The juice of lemons makes fine punch."},
}

var spoken = sync.OnceValues(func() ([]int16, error) {
	var all []int16
	for _, s := range sentences {
		wav, err := exec.Command("espeak-ng", "-v", s.voice, "-s", "160", "--stdout", s.text).Output()
		if err != nil {
			return nil, err
		}
		if at := bytes.Index(wav, []byte("data")); at > 0 {
			all = append(all, Samples(wav[at+8:])...)
		}
	}
	return all, nil
})

// Speech is some 20 s of synthetic speech, its loudest part at -9 dBFS. It
// needs espeak-ng.
func Speech(t testing.TB, rate int) []int16 {
	t.Helper()
	all, err := spoken()
	if err != nil || len(all) < 10*22050 {
		t.Fatalf("espeak-ng, which this test needs, spoke %d samples: %v", len(all), err)
	}
	r := resample.New(22050, rate)
	pcm := make([]int16, r.Count(len(all)))
	r.Process(pcm, all)
	peak := 1.0
	for _, v := range pcm {
		peak = max(peak, math.Abs(float64(v)))
	}
	for i, v := range pcm {
		pcm[i] = int16(float64(v) * 11600 / peak)
	}
	return pcm[:len(pcm)/(rate/50)*(rate/50)]
}
