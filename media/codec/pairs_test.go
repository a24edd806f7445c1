package codec

import (
	"math"
	"testing"

	"tandem/media/codec/codectest"
	"tandem/media/sound"
	"tandem/test/hearing"
)

// TestPairs converts from every codec to every other, as a call between two
// sides does: from packets of the one by PCM at a rate that both know to packets
// of the other. It measures what a listener of the second gets of what was said
// into the first, and prints it as a table.
func TestPairs(t *testing.T) {
	var formats []Format
	for _, f := range Formats() {
		if f.Name != "L16" {
			formats = append(formats, f)
		}
	}
	t.Log("| from | to | Hz | tone level dB | tone SNR dB | speech level dB | speech segmental SNR dB | spectral distance dB | intelligibility | delay ms |")
	for _, from := range formats {
		for _, to := range formats {
			rate := min(from.Native, to.Native)
			ends := min(rate, 16000) // what speaks and listens, at a rate all codecs take
			tone := convert(t, from, to, ends, rate, codectest.Sine(ends, 1004, 8000, 3))
			ref, got, _ := align(codectest.Sine(ends, 1004, 8000, 3), tone, ends)
			toneLevel, toneSNR := sound.Level(got)-sound.Level(ref), hearing.SNR(ref, got)

			said := codectest.Speech(t, ends)[:10*ends]
			heard := convert(t, from, to, ends, rate, said)
			ref, got, lag := align(said, heard, ends)
			level := sound.Level(got) - sound.Level(ref)
			distance := hearing.LogSpectralDistance(ref, got, ends, 0.42*float64(ends))
			clear := hearing.Intelligibility(ref, got, ends)
			t.Logf("| %s | %s | %d | %+.2f | %.1f | %+.2f | %.1f | %.2f | %.3f | %.1f |", from.Name, to.Name, rate,
				toneLevel, toneSNR, level, hearing.SegmentalSNR(ref, got, ends), distance, clear, float64(lag)*1000/float64(ends))
			if math.Abs(toneLevel) > 0.5 || math.Abs(level) > 0.5 {
				t.Errorf("%s to %s: tone %+.2f dB, speech %+.2f dB", from.Name, to.Name, toneLevel, level)
			}
			if toneSNR < 22 {
				t.Errorf("%s to %s: SNR of a tone %.1f dB", from.Name, to.Name, toneSNR)
			}
			if distance > 3 || clear < 0.93 { // twice through Opus is the worst
				t.Errorf("%s to %s: spectral distance %.2f dB, intelligibility %.3f", from.Name, to.Name, distance, clear)
			}
		}
	}
}

// convert speaks in at rate ends in the first codec, decodes at rate, encodes
// in the second and listens at ends.
func convert(t *testing.T, from, to Format, ends, rate int, in []int16) []int16 {
	t.Helper()
	middle, err := play(mustDecoder(t, from, rate), rate, packets(t, from, ends, Options{}, in), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := play(mustDecoder(t, to, ends), ends, packets(t, to, rate, Options{}, middle), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
