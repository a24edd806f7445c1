package codec

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tandem/media/codec/codectest"
	"tandem/test/hearing"
)

// losses says which of n packets are lost: a share at random, or as many in
// bursts of three on average (a Gilbert model).
func losses(n int, share float64, bursts bool, seed uint64) []bool {
	random := rand.New(rand.NewPCG(7, seed))
	lost, bad := make([]bool, n), false
	for i := range lost {
		switch {
		case !bursts:
			bad = random.Float64() < share
		case bad:
			bad = random.Float64() < 2.0/3
		default:
			bad = random.Float64() < share/3/(1-share)
		}
		lost[i] = bad && i > 10
	}
	return lost
}

// play decodes packets of 20 ms, filling those lost by fill, nil for silence.
func play(d Decoder, rate int, all [][]byte, lost []bool, fill func([]int16)) ([]int16, error) {
	step := rate / 50
	out := make([]int16, 0, len(all)*step)
	pcm := make([]int16, rate*maxPacket/1000)
	for i, p := range all {
		if lost != nil && lost[i] {
			clear(pcm[:step])
			if fill != nil {
				fill(pcm[:step])
			}
			out = append(out, pcm[:step]...)
			continue
		}
		n, err := d.Decode(pcm, p)
		if err != nil {
			return nil, err
		}
		out = append(out, pcm[:n]...)
	}
	return out, nil
}

// only keeps of pcm the packets lost.
func only(pcm []int16, step int, lost []bool) []int16 {
	var out []int16
	for i := range lost {
		if lost[i] {
			out = append(out, pcm[i*step:(i+1)*step]...)
		}
	}
	return out
}

// damage is what loss does to speech, measured against the same codec without
// loss: to the whole, by intelligibility, and to what was lost, by the distance
// between spectra and by segmental SNR. Of the last, silence has 0 by
// definition.
type damage struct{ intelligibility, distance, snr float64 }

// suffer measures over several draws of losses.
func suffer(t *testing.T, f Format, rate int, share float64, bursts bool) (filled, silent damage) {
	t.Helper()
	spoken := codectest.Speech(t, rate)
	if rate > 8000 { // to take less time
		spoken = spoken[:12*rate]
	}
	all := packets(t, f, rate, Options{Complexity: 9, Speech: true}, spoken) // as phones have it
	whole, err := play(mustDecoder(t, f, rate), rate, all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	draws := 1
	if share < 0.02 { // few are lost in one draw
		draws = 4
	}
	step, upTo := rate/50, min(0.42*float64(min(rate, f.Native)), 7000)
	var ref []int16
	var got [2][]int16
	var result [2]damage
	for seed := range uint64(draws) {
		lost := losses(len(all), share, bursts, seed)
		ref = append(ref, only(whole, step, lost)...)
		for i := range result {
			d := mustDecoder(t, f, rate)
			fill := d.Conceal
			if i == 1 {
				fill = nil
			}
			pcm, err := play(d, rate, all, lost, fill)
			if err != nil {
				t.Fatal(err)
			}
			result[i].intelligibility += hearing.Intelligibility(whole, pcm, rate) / float64(draws)
			got[i] = append(got[i], only(pcm, step, lost)...)
		}
	}
	for i := range result {
		result[i].distance = hearing.LogSpectralDistance(ref, got[i], rate, upTo)
		result[i].snr = hearing.SegmentalSNR(ref, got[i], rate)
	}
	return result[0], result[1]
}

// TestConcealmentBeatsSilence states by how much: a share of the harm to
// intelligibility undone, and decibels between the spectra of what was lost.
func TestConcealmentBeatsSilence(t *testing.T) {
	for _, c := range []struct {
		name                string
		clock, channels     int
		rate                int
		undone, undoneBurst float64 // of the harm
		nearer, nearerBurst float64 // dB
	}{
		{"PCMU", 8000, 1, 8000, 0.45, 0.2, 5, 1.5},
		{"L16", 16000, 1, 16000, 0.45, 0.2, 3.5, 1},
		{"G722", 8000, 1, 16000, 0.35, 0.15, 3.5, 1},
		{"opus", 48000, 2, 8000, 0.25, 0.1, 5, 1.5},
		{"opus", 48000, 2, 48000, 0.25, 0.1, 3, 0.8},
	} {
		t.Run(fmt.Sprintf("%s/%d", c.name, c.rate), func(t *testing.T) {
			t.Parallel()
			f, _ := Find(c.name, c.clock, c.channels)
			for _, share := range []float64{0.01, 0.05, 0.10} {
				for _, bursts := range []bool{false, true} {
					filled, silent := suffer(t, f, c.rate, share, bursts)
					undone := 1 - (1-filled.intelligibility)/(1-silent.intelligibility)
					t.Logf("%2.0f %% lost, bursts %-5v: intelligibility %.4f, silence %.4f, %2.0f %% of the harm undone; spectral distance %.1f dB, silence %.1f; segmental SNR %.1f dB",
						share*100, bursts, filled.intelligibility, silent.intelligibility, undone*100, filled.distance, silent.distance, filled.snr)
					want, nearer := c.undone, c.nearer
					if bursts {
						want, nearer = c.undoneBurst, c.nearerBurst
					}
					if share < 0.02 { // some twenty packets: much is chance
						want /= 2
					}
					if undone < want {
						t.Errorf("%v lost, bursts %v: %.0f %% of the harm undone, want %.0f", share, bursts, undone*100, want*100)
					}
					if silent.distance-filled.distance < nearer {
						t.Errorf("%v lost, bursts %v: %.1f dB nearer than silence, want %v", share, bursts, silent.distance-filled.distance, nearer)
					}
					if !bursts && filled.snr <= 0 { // in bursts no waveform can be guessed
						t.Errorf("%v lost: segmental SNR %.1f dB", share, filled.snr)
					}
				}
			}
		})
	}
}
