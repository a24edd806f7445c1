package transcode

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tandem/media/codec/conceal"
	"tandem/test/hearing"
)

// hiss is noise of a level in dBFS.
func hiss(rate int, level, seconds float64) []int16 {
	random := rand.New(rand.NewPCG(1, 9))
	pcm := sine(rate, 0, 0, seconds)
	peak := sine(rate, float64(rate)/4, level, 0.01)[1]
	for i := range pcm {
		pcm[i] = int16(random.NormFloat64() * float64(peak) / 1.414)
	}
	return pcm
}

// TestComfortNoise lets the far side fall silent with comfort noise: it goes
// on as such where that was agreed, else as audio.
func TestComfortNoise(t *testing.T) {
	for _, out := range []uint8{13, none} {
		t.Run(fmt.Sprintf("out %d", out), func(t *testing.T) {
			pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
			o := ends(pcmu, pcma, 20*time.Millisecond)
			o.In.CN, o.Out.CN = 13, out
			l := newLine(t, o, shaper{jitter: 8 * time.Millisecond})
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			voice := sine(8000, 300, -10, 1)
			var noise conceal.ComfortNoise
			noise.Measure(hiss(8000, -45, 1), 4)
			const turns = 10
			for range turns {
				k.say(l, voice)
				for i := range 75 {
					if i == 0 || i == 40 {
						k.other(l, 13, k.head.time, noise.Append(nil), false)
					}
					k.pass()
				}
				k.mark = true
				l.run(k.at)
			}
			k.say(l, voice)
			l.run(k.at + 3*time.Second)
			r := l.listen(pcma, 8000, 97)
			s := l.path.Stats()
			if s.Concealed > 0 || s.Late > 0 {
				t.Errorf("silence was taken for loss: %+v", s)
			}
			if out == none {
				if r.holes != 0 || r.packets < 50*(turns*5/2+1)-5 {
					t.Errorf("%d packets, %d holes", r.packets, r.holes)
				}
				for n := range turns {
					at := 8000*5/2*n + 8000*3/2
					if v := levelOf(r.pcm[at : at+4000]); v < -48 || v > -42 {
						t.Errorf("noise has %.1f dBFS", v)
					}
				}
				return
			}
			if r.holes != turns || r.marks != turns+1 || r.kinds[13] < turns*2 || r.kinds[13] > turns*2+1 {
				t.Errorf("%d holes, %d markers, %v packets by number", r.holes, r.marks, r.kinds)
			}
			for n := range turns {
				if v := levelOf(r.pcm[8000*5/2*n+1600:][:4000]); v < -10.5 || v > -9.5 {
					t.Errorf("voice %d has %.1f dBFS", n, v)
				}
			}
		})
	}
}

// TestOpusSilence lets an Opus sender stop sending in silence.
func TestOpusSilence(t *testing.T) {
	opus, pcma := find(t, "opus", 48000, 2), find(t, "PCMA", 8000, 1)
	for _, out := range []uint8{13, none} {
		o := ends(opus, pcma, 20*time.Millisecond)
		o.Out.CN = out
		l := newLine(t, o, shaper{jitter: 8 * time.Millisecond})
		k := newTalker(t, opus, 8000, 20*time.Millisecond, 96)
		voice := append(sine(8000, 300, -10, 1), hiss(8000, -50, 0.2)...)
		const turns = 10
		for range turns {
			k.say(l, voice)
			for i := range 100 {
				if i%20 == 0 {
					k.other(l, 96, k.head.time, []byte{0x08}, false) // a frame of nothing
				}
				k.pass()
			}
			k.mark = true
		}
		k.say(l, voice)
		l.run(k.at + 3*time.Second)
		r := l.listen(pcma, 8000, 97)
		s := l.path.Stats()
		if s.Concealed > 0 || s.Late > 0 || s.DecodeErrors > 0 {
			t.Errorf("silence was taken for loss: %+v", s)
		}
		if out == none && (r.holes != 0 || r.packets < 50*turns*3) {
			t.Errorf("%d packets, %d holes", r.packets, r.holes)
		}
		if out != none && (r.holes != turns || r.kinds[13] < turns*4 || r.kinds[13] > turns*6) {
			t.Errorf("%d holes, %v packets by number", r.holes, r.kinds)
		}
	}
}

// TestMutedSender lets a sender stop without a word, for a while and for long.
func TestMutedSender(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	l := newLine(t, ends(pcmu, pcma, 60*time.Millisecond), shaper{})
	k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
	voice := sine(8000, 300, -10, 2)
	k.say(l, voice)
	for range 25 {
		k.pass()
	}
	k.mark = true
	k.say(l, voice)
	l.run(k.at)
	if s := l.path.Stats(); s.Concealed > 20*time.Millisecond {
		t.Errorf("a pause was taken for loss: %+v", s)
	}
	k.at += time.Hour // its clock stands still meanwhile
	l.run(k.at)
	if n := l.pool.Stats().Active; n != 0 {
		t.Errorf("%d paths active after an hour without packets", n)
	}
	sent := len(l.out)
	if len(l.out) > 100 {
		t.Errorf("%d packets were sent", len(l.out))
	}
	k.say(l, voice)
	l.run(k.at)
	if n := len(l.out) - sent; n < 30 {
		t.Errorf("%d packets after an hour", n)
	}
	r := l.listen(pcma, 8000, 97)
	if r.holes != 1 {
		t.Errorf("%d holes", r.holes)
	}
	if v := levelOf(r.pcm[len(r.pcm)-8000:]); v < -10.5 {
		t.Errorf("level %.1f", v)
	}
}

// TestRestart lets the sender begin anew: another stream, another sequence,
// another time.
func TestRestart(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	for what, change := range map[string]func(*packet){
		"stream":              func(p *packet) { p.ssrc, p.seq, p.time = 1234, 9, 5 },
		"stream alone":        func(p *packet) { p.ssrc = 1235 },
		"sequence":            func(p *packet) { p.seq += 20000 },
		"time forward":        func(p *packet) { p.time += 1 << 30 },
		"time back":           func(p *packet) { p.time -= 1 << 30 },
		"time a little back":  func(p *packet) { p.time -= 8000 },
		"time a little ahead": func(p *packet) { p.time += 8000 },
		"both":                func(p *packet) { p.seq, p.time = p.seq-20000, p.time-1<<29 },
	} {
		t.Run(what, func(t *testing.T) {
			l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{})
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			voice := sine(8000, 400, -10, 5)
			k.say(l, voice)
			change(&k.head)
			k.say(l, voice)
			l.run(k.at + 2*time.Second)
			r := l.listen(pcma, 8000, 97)
			s := l.path.Stats()
			t.Logf("%d packets of 500, concealed %v, delay %v, target %v, late %d", r.packets, s.Concealed, s.BufferDelay, s.BufferTarget, s.Late)
			if s.Concealed+time.Duration(s.Late)*20*time.Millisecond > 300*time.Millisecond {
				t.Errorf("too much is lost: %+v", s)
			}
			if s.BufferDelay > 60*time.Millisecond {
				t.Errorf("delay is %v after", s.BufferDelay)
			}
			if len(r.pcm) < 8000*9 {
				t.Fatalf("%d samples", len(r.pcm))
			}
			if snr := hearing.SineSNR(8000, r.pcm[8000*8:8000*9], 400); snr < 30 {
				t.Errorf("SNR %.1f dB", snr)
			}
			if v := levelOf(r.pcm[8000*6 : 8000*9]); v < -10.5 || v > -9.5 {
				t.Errorf("level %.1f after", v)
			}
		})
	}
}
