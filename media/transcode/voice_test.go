package transcode

import (
	"math/rand/v2"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/sound"
	"tandem/test/hearing"
)

// carried is what a line makes of speech of 30 s at 8 kHz.
func carried(t *testing.T, in, out codec.Format, said []int16, net shaper) (heard []int16, s Stats) {
	t.Helper()
	k := newTalker(t, in, 8000, 20*time.Millisecond, 96)
	l := newLine(t, ends(in, out, 20*time.Millisecond), net)
	k.say(l, said)
	l.run(k.at + time.Second)
	return l.listen(out, 8000, 97).pcm, l.path.Stats()
}

// gaps counts stretches of more than 60 ms in which speech is missing: 20 dB
// softer than it was.
func gaps(ref, got []int16, rate int) (count int) {
	step, run := rate/100, 0
	for at := 0; at+step <= min(len(ref), len(got)); at += step {
		want := sound.Level(ref[at : at+step])
		switch {
		case want < -40:
		case sound.Level(got[at:at+step]) > want-20:
			run = 0
		default:
			if run++; run == 7 {
				count++
			}
		}
	}
	return count
}

// TestQualityOfBursts loses 5 % of 30 s of speech in bursts of three packets. The
// same filled from what was before alone, for 60 ms, gives 0.959 and 0.934.
func TestQualityOfBursts(t *testing.T) {
	pcmu, pcma, opus := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1), find(t, "opus", 48000, 2)
	said := speak(t, "en-us")
	for len(said) < 8000*30 {
		said = append(said, said...)
	}
	said = said[:8000*30]
	const seeds = 3
	for _, c := range []struct {
		in, out codec.Format
		least   float64
		gaps    int
	}{{pcmu, pcma, 0.963, 5}, {opus, pcmu, 0.936, 5}} {
		clean, _ := carried(t, c.in, c.out, said, shaper{})
		ref := hearing.Align(said, clean, 1600, 800)
		best := hearing.Intelligibility(said, ref, 8000)
		sum, missing := 0.0, 0
		for seed := range uint64(seeds) {
			got, s := carried(t, c.in, c.out, said, shaper{loss: 0.05, burst: 3, random: rand.New(rand.NewPCG(seed, 5))})
			heard := hearing.Align(said, got, 1600, 800)
			e := hearing.Intelligibility(said, heard, 8000)
			g := gaps(ref, heard, 8000)
			t.Logf("%s to %s: ESTOI %.4f of %.4f, %d gaps; %v concealed, delay %v", c.in.Name, c.out.Name, e, best, g, s.Concealed, s.BufferDelay)
			sum += e / seeds
			missing += g
		}
		t.Logf("%s to %s: ESTOI %.4f, %d gaps", c.in.Name, c.out.Name, sum, missing)
		if sum < c.least || missing > c.gaps {
			t.Errorf("%s to %s: ESTOI %.3f, want %.3f; %d gaps of more than 60 ms", c.in.Name, c.out.Name, sum, c.least, missing)
		}
	}
}

// TestPhase has calls begin at any moment of our own clock: their packets wait for
// the buffer and then for no more than a grain, and, where they come unevenly, for a
// step at most.
func TestPhase(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	const seconds = 20
	for _, c := range []struct{ jitter, most time.Duration }{{0, 15 * time.Millisecond}, {20 * time.Millisecond, 30 * time.Millisecond}} {
		var least, most, sum time.Duration = time.Hour, 0, 0
		for ms := range 20 {
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			k.at += time.Duration(ms) * time.Millisecond
			l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{jitter: c.jitter})
			said := make([]int16, 8000*seconds)
			copy(said[8000*(seconds-1):], sine(8000, 1000, -6, 0.05))
			k.say(l, said)
			sent := k.at - time.Second + 20*time.Millisecond // the packet in which the mark begins
			l.run(k.at + time.Second)
			r := l.listen(pcma, 8000, 97)
			at := 8000
			for at < len(r.pcm) && r.pcm[at] > -1000 && r.pcm[at] < 1000 {
				at++
			}
			if at == len(r.pcm) {
				t.Fatal("the mark is not heard")
			}
			// Played from the moment its packet came, and begun where in it the mark is.
			delay := l.when[at/160] + time.Duration(at%160)*time.Second/8000 - sent
			least, most, sum = min(least, delay), max(most, delay), sum+delay
		}
		t.Logf("jitter of %v: %v to %v from wire to ear, %v on average", c.jitter, least, most, sum/20)
		if most > c.most {
			t.Errorf("jitter of %v: up to %v from wire to ear, want %v at most", c.jitter, most, c.most)
		}
	}
}
