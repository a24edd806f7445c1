package transcode

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/test/hearing"
)

// TestLoss loses packets and looks at what is told of it and what is heard.
func TestLoss(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	for _, burst := range []float64{1, 3} {
		for _, loss := range []float64{0.01, 0.05, 0.10} {
			t.Run(fmt.Sprintf("%.0f %% in bursts of %.0f", loss*100, burst), func(t *testing.T) {
				k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
				l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{loss: loss, burst: burst, jitter: 10 * time.Millisecond})
				const seconds = 60
				k.say(l, sine(8000, 400, -10, seconds))
				lost := time.Duration(seconds*50-len(l.way)) * 20 * time.Millisecond
				l.run(k.at + 2*time.Second)
				r := l.listen(pcma, 8000, 97)
				s := l.path.Stats()
				t.Logf("lost %v, concealed %v, delay %v of %v, level %+.1f dB", lost, s.Concealed, s.BufferDelay, s.BufferTarget,
					levelOf(r.pcm[8000:8000*(seconds-2)])+10)
				if d := s.Concealed - lost; d < -40*time.Millisecond || d > lost/10+60*time.Millisecond {
					t.Errorf("concealed %v of %v lost", s.Concealed, lost)
				}
				if r.holes > 0 {
					t.Errorf("%d holes in the audio", r.holes)
				}
				// No 20 ms of silence where one packet in a row is lost.
				if burst == 1 {
					for at := 8000; at+160 < 8000*(seconds-2); at += 160 {
						if v := levelOf(r.pcm[at : at+160]); v < -50 && loss < 0.05 {
							t.Fatalf("%.0f dBFS at %.2f s", v, float64(at)/8000)
						}
					}
				}
			})
		}
	}
}

// TestRecovered has an Opus phone repeat each packet with the next: what is lost
// alone is heard all the same once the delay allows it, and never where Opus is
// decoded in Go.
func TestRecovered(t *testing.T) {
	opus, pcma := find(t, "opus", 48000, 2), find(t, "PCMA", 8000, 1)
	for _, inGo := range []bool{false, true} {
		for _, loss := range []float64{0.02, 0.10} {
			t.Run(fmt.Sprintf("%.0f %%, in Go %v", loss*100, inGo), func(t *testing.T) {
				in := opus
				in.InGo = inGo
				k := newTalker(t, opus, 8000, 20*time.Millisecond, 96)
				k.repeat(t, 10)
				l := newLine(t, ends(in, pcma, 20*time.Millisecond), shaper{loss: loss, burst: 1, jitter: 15 * time.Millisecond})
				said := speak(t, "en-us")
				k.say(l, said)
				lost := time.Duration(len(said)/160-len(l.way)) * 20 * time.Millisecond
				l.run(k.at + 2*time.Second)
				r := l.listen(pcma, 8000, 97)
				s := l.path.Stats()
				t.Logf("lost %v, recovered %v, concealed %v, delay %v of %v", lost, s.Recovered, s.Concealed, s.BufferDelay, s.BufferTarget)
				if inGo && s.Recovered > 0 || !inGo && s.Recovered < lost*6/10 {
					t.Errorf("%v of %v recovered", s.Recovered, lost)
				}
				if d := s.Concealed + s.Recovered - lost; d < -40*time.Millisecond || d > lost/10+100*time.Millisecond {
					t.Errorf("concealed %v and recovered %v of %v lost", s.Concealed, s.Recovered, lost)
				}
				if s.BufferDelay > 70*time.Millisecond || s.DecodeErrors > 0 {
					t.Errorf("%+v", s)
				}
				if r.holes > 0 {
					t.Errorf("%d holes in the audio", r.holes)
				}
			})
		}
	}
}

// TestLossTold tells a path that its listener misses packets: it begins to say
// things twice, and ends when nothing is missed any more.
func TestLossTold(t *testing.T) {
	opus, pcmu := find(t, "opus", 48000, 2), find(t, "PCMU", 8000, 1)
	o := ends(pcmu, opus, 20*time.Millisecond)
	o.Out.Fmtp = "useinbandfec=1"
	k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
	l := newLine(t, o, shaper{})
	d, err := opus.NewDecoder(8000)
	if err != nil {
		t.Fatal(err)
	}
	for _, loss := range []int{0, 10, 0} {
		l.path.Loss(loss)
		from := len(l.out)
		k.say(l, speak(t, "en-us")[:8000*5])
		l.run(k.at + time.Second)
		twice := 0
		for _, b := range l.out[from:] {
			var p packet
			if !p.parse(b) {
				t.Fatal("malformed packet")
			}
			if d.(codec.Recoverer).Recovers(p.payload) > 0 {
				twice++
			}
		}
		if loss == 0 && twice > 0 || loss > 0 && twice < (len(l.out)-from)/3 {
			t.Errorf("%d %% lost: %d of %d packets repeat the one before", loss, twice, len(l.out)-from)
		}
		k.at += time.Second
	}
	if s := l.path.Stats(); s.EncodeErrors > 0 {
		t.Errorf("%+v", s)
	}
}

// TestJitter lets packets come unevenly: the delay follows, little is lost.
func TestJitter(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	var before time.Duration
	for _, jitter := range []time.Duration{0, 10, 20, 30, 40, 60} {
		jitter *= time.Millisecond
		t.Run(fmt.Sprint(jitter), func(t *testing.T) {
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			o := ends(pcmu, pcma, 20*time.Millisecond)
			o.In.MinDelay = time.Millisecond
			l := newLine(t, o, shaper{jitter: jitter})
			tone := sine(8000, 400, -10, 30)
			k.say(l, tone)
			l.run(k.at)
			first := l.path.Stats()
			k.say(l, tone)
			l.run(k.at)
			s := l.path.Stats()
			spoilt := s.Concealed - first.Concealed
			k.say(l, tone[:8000])
			l.run(k.at + 2*time.Second)
			r := l.listen(pcma, 8000, 97)
			snr := hearing.SineSNR(8000, r.pcm[8000*31:8000*32], 400)
			t.Logf("delay %v, target %v; in the first 30 s %v concealed, in the next %v, late %d; SNR of a second %.1f dB", s.BufferDelay, s.BufferTarget,
				first.Concealed, spoilt, s.Late, snr)
			if s.BufferDelay < jitter*8/10 || s.BufferDelay > jitter+25*time.Millisecond {
				t.Errorf("delay %v for a jitter of %v", s.BufferDelay, jitter)
			}
			if s.BufferDelay < before-5*time.Millisecond {
				t.Errorf("delay %v is less than with less jitter, %v", s.BufferDelay, before)
			}
			before = s.BufferDelay
			if spoilt > 30*time.Second*3/100 {
				t.Errorf("%v of 30 s concealed", spoilt)
			}
			if r.holes > 0 {
				t.Errorf("%d holes", r.holes)
			}
		})
	}
}

// TestUneven has speech come unevenly, at random and in waves, at any moment of
// our own clock: once the buffer has learnt that nothing is missed, nor is more
// delay kept than the jitter, a packet and a step.
func TestUneven(t *testing.T) {
	const length, learn, runs = 20 * time.Second, 5 * time.Second, 5
	in := speak(t, "en-us")
	for len(in) < 8000*int(length.Seconds()) {
		in = append(in, in...)
	}
	in = in[:8000*int(length.Seconds())]
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	for _, ptime := range []time.Duration{10, 20, 30, 60} {
		for _, jitter := range []time.Duration{5, 15, 20, 30, 60} {
			for _, waves := range []bool{false, true} {
				ptime, jitter := ptime*time.Millisecond, jitter*time.Millisecond
				var learning, after, delay time.Duration
				for run := range runs {
					random := rand.New(rand.NewPCG(uint64(run), 8))
					k := newTalker(t, pcmu, 8000, ptime, 96)
					k.at += time.Duration(random.Int64N(int64(ptime)))
					l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{random: random})
					k.say(l, in)
					for i := range l.way {
						share := random.Float64()
						if waves {
							share = float64(i%23) / 22
						}
						l.way[i].at += time.Duration(share * float64(jitter))
					}
					l.run(learn)
					first := l.path.Stats()
					l.run(length)
					s := l.path.Stats()
					learning += first.Concealed / runs
					after += (s.Concealed - first.Concealed) / runs
					delay = max(delay, s.BufferDelay+l.path.hear.length(l.path.hear.end-l.path.hear.at))
				}
				what := fmt.Sprintf("%v packets, jitter of %v, waves %v", ptime, jitter, waves)
				t.Logf("%s: %v concealed in the first %v, %v in the %v after; delay up to %v", what, learning, learn, after, length-learn, delay)
				if learning > 60*time.Millisecond || after > 3*time.Millisecond {
					t.Errorf("%s: %v and %v concealed", what, learning, after)
				}
				if most := max(jitter, 20*time.Millisecond) + ptime + 20*time.Millisecond; delay > most {
					t.Errorf("%s: delay of %v, want %v at most", what, delay, most)
				}
			}
		}
	}
}

// TestCalm lets a network become worse and better again.
func TestCalm(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
	l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{})
	tone := sine(8000, 300, -20, 30)
	var delays []time.Duration
	for _, jitter := range []time.Duration{0, 80, 0} {
		l.net.jitter = jitter * time.Millisecond
		k.say(l, tone)
		l.run(k.at)
		delays = append(delays, l.path.Stats().BufferDelay)
	}
	t.Log(delays)
	if delays[0] > 45*time.Millisecond || delays[1] < 60*time.Millisecond || delays[1] > 120*time.Millisecond || delays[2] > 45*time.Millisecond {
		t.Errorf("delays %v", delays)
	}
}

// TestDrift runs an hour with clocks that differ.
func TestDrift(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	for _, drift := range []float64{-200e-6, 200e-6} {
		t.Run(fmt.Sprintf("%+.0f ppm", drift*1e6), func(t *testing.T) {
			t.Parallel()
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			k.drift = drift
			l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{jitter: 5 * time.Millisecond})
			l.path.o.Out.Send = func([]byte) {}
			tone := sine(8000, 400, -20, 10)
			var low, high time.Duration = time.Hour, 0
			for n := range 360 {
				k.say(l, tone)
				l.way, l.next = l.way[l.next:], 0
				l.run(k.at)
				d := l.path.Stats().BufferDelay
				if n > 1 {
					low, high = min(low, d), max(high, d)
				}
			}
			s := l.path.Stats()
			t.Logf("delay %v to %v; %+v", low, high, s)
			if high-low > 25*time.Millisecond || high > 60*time.Millisecond {
				t.Errorf("delay moved between %v and %v", low, high)
			}
			if s.Concealed > 200*time.Millisecond || s.Overflow > 0 || s.Late > 10 {
				t.Errorf("%+v", s)
			}
			if d := math.Abs(float64(s.PacketsOut) - 180000*(1+drift)); d > 60 {
				t.Errorf("%d packets out", s.PacketsOut)
			}
		})
	}
}

// TestSpeech sends speech through networks that now and then hold packets up
// for long: it is all there, no part of it silent, and little is concealed.
func TestSpeech(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	in := speak(t, "en-us")
	for len(in) < 8000*60 {
		in = append(in, in...)
	}
	in = in[:8000*60]
	for _, spike := range []time.Duration{60, 120, 180} {
		t.Run(fmt.Sprint(spike*time.Millisecond), func(t *testing.T) {
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{jitter: 10 * time.Millisecond})
			k.say(l, in)
			// Every 3 s on average all packets stand still for so long.
			for at := time.Duration(0); at < time.Minute; at += time.Duration(l.net.random.Int64N(int64(6 * time.Second))) {
				for i := range l.way {
					if d := at + spike*time.Millisecond - l.way[i].at; d > 0 && l.way[i].at > at {
						l.way[i].at += d
					}
				}
			}
			var highest time.Duration
			for at := time.Second; at < time.Minute; at += time.Second {
				l.run(at)
				highest = max(highest, l.path.Stats().BufferDelay)
			}
			l.run(k.at + time.Second)
			s := l.path.Stats()
			r := l.listen(pcma, 8000, 97)
			t.Logf("concealed %v of a minute, late %d, delay up to %v, level %.2f of %.2f dBFS", s.Concealed, s.Late, highest,
				levelOf(r.pcm), levelOf(in))
			if r.holes > 0 || s.Concealed > 2*time.Second || s.Late > 20 {
				t.Errorf("%d holes, %+v", r.holes, s)
			}
			if d := levelOf(r.pcm) - levelOf(in); d < -1 || d > 0.5 {
				t.Errorf("level is %+.1f dB off", d)
			}
		})
	}
}

// TestDelay measures how much later the audio goes out than it came in, packet
// times included, on an even network.
func TestDelay(t *testing.T) {
	for _, c := range []struct {
		in, out time.Duration
		least   time.Duration // jitter buffer
		most    time.Duration
	}{
		{20, 20, 20, 60}, {20, 20, 1, 42}, {10, 10, 20, 42}, {20, 60, 20, 102}, {60, 20, 20, 85},
	} {
		pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
		o := ends(pcmu, pcma, c.out*time.Millisecond)
		o.In.MinDelay = c.least * time.Millisecond
		l := newLine(t, o, shaper{})
		k := newTalker(t, pcmu, 8000, c.in*time.Millisecond, 96)
		first := k.at
		pcm := make([]int16, 8000*3)
		copy(pcm[16000:], sine(8000, 1000, -6, 0.05))
		k.say(l, pcm)
		l.run(k.at + time.Second)
		r := l.listen(pcma, 8000, 97)
		// Where in the output the mark begins, and when that packet was sent: its
		// first sample waited longest.
		at := 0
		for at < len(r.pcm) && r.pcm[at] > -1000 && r.pcm[at] < 1000 {
			at++
		}
		size := int(c.out) * 8
		spoken := first + 2*time.Second - time.Duration(at%size)*time.Second/8000
		delay := l.when[at/size] - spoken
		t.Logf("%d ms to %d ms, at least %d ms of buffer: %v from mouth to wire at most", c.in, c.out, c.least, delay)
		if delay > c.most*time.Millisecond || delay < (c.in+c.least-1)*time.Millisecond {
			t.Errorf("delay %v", delay)
		}
	}
}
