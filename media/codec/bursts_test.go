package codec

import (
	"testing"

	"tandem/media/codec/codectest"
	"tandem/media/sound"
	"tandem/test/hearing"
)

// longSpeech is 30 s.
func longSpeech(t testing.TB, rate int) []int16 {
	pcm := codectest.Speech(t, rate)
	for len(pcm) < 30*rate {
		pcm = append(pcm, pcm...)
	}
	return pcm[:30*rate]
}

// tooLoud counts stretches of 10 ms more than 10 dB above the same without loss,
// or above all within so many stretches around: where packets were lost, and in the
// others. Below -50 dBFS all is alike.
func tooLoud(whole, got []int16, rate int, lost []bool, around int) (filled, came int) {
	size := rate / 100
	for at := 0; at+size <= len(whole); at += size {
		most := -50.0
		for i := max(0, at-around*size); i+size <= min(len(whole), at+(around+1)*size); i += size {
			most = max(most, sound.Level(whole[i:i+size]))
		}
		switch {
		case sound.Level(got[at:at+size]) <= most+10:
		case lost[at/(2*size)]:
			filled++
		default:
			came++
		}
	}
	return filled, came
}

// TestOpusAfterLoss wants packets that came after a loss to be no louder than
// they were meant: the decoder must know of what it did not get.
func TestOpusAfterLoss(t *testing.T) {
	// Without its being told of losses: 99, 80 and 70.
	for rate, most := range map[int]int{8000: 60, 16000: 50, 48000: 40} {
		f, _ := Find("opus", 48000, 2)
		pcm := longSpeech(t, rate)
		all := packets(t, f, rate, Options{Complexity: 9, Speech: true}, pcm)
		whole, err := play(mustDecoder(t, f, rate), rate, all, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var filled, came, sudden int
		for seed := range uint64(3) {
			lost := losses(len(all), 0.10, false, seed)
			d := mustDecoder(t, f, rate)
			got, err := play(d, rate, all, lost, d.Conceal)
			if err != nil {
				t.Fatal(err)
			}
			x, y := tooLoud(whole, got, rate, lost, 0)
			filled, came = filled+x, came+y
			x, y = tooLoud(whole, got, rate, lost, 2)
			sudden += x + y
		}
		t.Logf("%d Hz: of 9000 stretches of 10 ms %d that were lost are too loud, and %d that came; %d louder than all around", rate, filled, came, sudden)
		if came > most || sudden > 8 {
			t.Errorf("%d Hz: %d stretches that came are too loud, at most %d may be; %d louder than all around", rate, came, most, sudden)
		}
	}
}

// bridged is play with what follows a loss in view.
func bridged(d Decoder, rate int, all [][]byte, lost []bool) ([]int16, error) {
	step := rate / 50
	out := make([]int16, 0, (len(all)+1)*step)
	for i, p := range all {
		at := len(out)
		out = out[:at+step]
		var err error
		switch {
		case lost[i]:
			d.Conceal(out[at:])
		case i > 0 && lost[i-1]:
			_, err = d.(Bridger).Bridge(out[at-step:at], out[at:], p)
		default:
			_, err = d.Decode(out[at:], p)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TestBridge has the filling of what was lost go over into what follows: more is
// understood than when it is made from what was before alone.
func TestBridge(t *testing.T) {
	const rate = 8000
	f, _ := Find("PCMU", 8000, 1)
	all := packets(t, f, rate, Options{}, longSpeech(t, rate))
	whole, err := play(mustDecoder(t, f, rate), rate, all, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bursts := range []bool{false, true} {
		var ahead, both float64
		var loudAhead, loudBoth int
		const draws = 3
		for seed := range uint64(draws) {
			lost := losses(len(all), 0.05, bursts, seed)
			d := mustDecoder(t, f, rate)
			got, err := play(d, rate, all, lost, d.Conceal)
			if err != nil {
				t.Fatal(err)
			}
			ahead += hearing.Intelligibility(whole, got, rate) / draws
			x, y := tooLoud(whole, got, rate, lost, 0)
			loudAhead += x + y
			if got, err = bridged(mustDecoder(t, f, rate), rate, all, lost); err != nil {
				t.Fatal(err)
			}
			both += hearing.Intelligibility(whole, got, rate) / draws
			x, y = tooLoud(whole, got, rate, lost, 0)
			loudBoth += x + y
		}
		t.Logf("bursts %v: ESTOI %.4f, from both sides %.4f; too loud %d, %d", bursts, ahead, both, loudAhead, loudBoth)
		if both < ahead+0.005 || loudBoth > loudAhead {
			t.Errorf("bursts %v: ESTOI %.4f, from both sides %.4f", bursts, ahead, both)
		}
	}
}
