package transcode

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/test/hearing"
)

// tone is a source of a sine for so many samples.
type tone struct {
	rate, at, left int
	freq           float64
}

func (s *tone) Read(pcm []int16) int {
	n := min(len(pcm), s.left)
	copy(pcm, sine(s.rate, s.freq, -10, float64(s.at+n+1)/float64(s.rate))[s.at:s.at+n])
	s.at += n
	s.left -= n
	return n
}

// TestPlay plays in place of the input, and without one.
func TestPlay(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	for _, in := range []codec.Format{{}, pcmu} {
		l := newLine(t, ends(in, pcma, 20*time.Millisecond), shaper{})
		voice := in.Name != ""
		if voice {
			k := newTalker(t, in, 8000, 20*time.Millisecond, 96)
			k.say(l, sine(8000, 400, -10, 10))
		}
		l.run(2 * time.Second)
		var ends []bool
		done := func(finished bool) { ends = append(ends, finished) }
		play := func(freq, seconds float64) {
			l.path.Play(func(rate int) Source {
				return &tone{rate: rate, left: int(seconds * float64(rate)), freq: freq}
			}, done)
		}
		play(1000, 10)
		if !l.path.Playing() {
			t.Error("nothing is played")
		}
		l.run(3 * time.Second)
		play(2000, 1.005)
		l.run(5 * time.Second)
		if l.path.Playing() {
			t.Error("it is still played")
		}
		play(500, 10)
		play(1500, 10)
		l.run(6 * time.Second)
		l.path.Play(nil, nil)
		l.run(14 * time.Second)
		want := []bool{false, true, false, false}
		if len(ends) != len(want) {
			t.Fatalf("ends %v", ends)
		}
		for i := range want {
			if ends[i] != want[i] {
				t.Errorf("ends %v", ends)
			}
		}
		r := l.listen(pcma, 8000, 97)
		at := 0
		if voice {
			at = 8000*2 - 8000*12/100 // what came before
		}
		check := func(from float64, freq float64) {
			t.Helper()
			if snr := hearing.SineSNR(8000, r.pcm[at+int(from*8000):][:4000], freq); snr < 30 {
				t.Errorf("%v Hz after %v s: SNR %.1f dB", freq, from, snr)
			}
		}
		check(0.3, 1000)
		check(1.3, 2000)
		check(3.3, 1500)
		if voice {
			check(2.3, 400)
			check(4.3, 400)
			if r.holes > 0 {
				t.Errorf("%d holes", r.holes)
			}
		} else if r.holes != 1 || r.marks != 2 {
			t.Errorf("%d holes, %d markers", r.holes, r.marks)
		}
		if n := l.pool.Stats().Active; n != 0 {
			t.Errorf("%d active at the end", n)
		}
	}
}

// TestSend sends keys of our own on a path without input.
func TestSend(t *testing.T) {
	pcma := find(t, "PCMA", 8000, 1)
	for _, event := range []uint8{102, none} {
		o := ends(codec.Format{}, pcma, 20*time.Millisecond)
		o.Out.Event, o.Out.EventClock = event, 8000
		l := newLine(t, o, shaper{})
		l.run(time.Second)
		for i := range 10 {
			if !l.path.Send(dtmf.Event{Code: uint8(i), Duration: 100 * time.Millisecond}) {
				t.Fatal("a key was not taken")
			}
		}
		l.run(10 * time.Second)
		events, tones := l.heardKeys(pcma, 8000)
		if event == none {
			events, tones = tones, events
		}
		same(t, "keys", events, []byte("0123456789"))
		same(t, "other keys", tones, nil)
		for i := 0; l.path.Send(dtmf.Event{Code: 1}); i++ {
			if i > 1000 {
				t.Fatal("keys without bound are taken")
			}
		}
	}
}

// TestTap records: all time is there, whatever came.
func TestTap(t *testing.T) {
	pcmu := find(t, "PCMU", 8000, 1)
	var pcm []int16
	o := Options{In: Input{Format: pcmu, PayloadType: 96, CN: none, Event: none}, Tap: func(p []int16, rate int) {
		if rate != 8000 {
			t.Errorf("rate %d", rate)
		}
		pcm = append(pcm, p...)
	}}
	l := newLine(t, o, shaper{})
	l.run(2 * time.Second)
	k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
	k.at = 2 * time.Second
	k.say(l, sine(8000, 400, -10, 2))
	l.run(10 * time.Second)
	if d := len(pcm) - 80000; d < -320 || d > 320 {
		t.Errorf("%d samples in 10 s", len(pcm))
	}
	if v := levelOf(pcm[:15000]); v > -90 {
		t.Errorf("%.1f dBFS before", v)
	}
	if v := levelOf(pcm[8000*5/2 : 8000*7/2]); v < -10.5 {
		t.Errorf("%.1f dBFS", v)
	}
	if v := levelOf(pcm[8000*7:]); v > -60 {
		t.Errorf("%.1f dBFS afterwards", v)
	}
}

// TestStall lets workers stand still: what was missed is left out, but for a
// few steps.
func TestStall(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	l := newLine(t, ends(pcmu, pcma, 20*time.Millisecond), shaper{})
	k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
	k.say(l, sine(8000, 400, -10, 10))
	l.run(2 * time.Second)
	before := len(l.out)
	for ; l.way[l.next].at < 2500*time.Millisecond; l.next++ {
		l.path.Push(l.way[l.next].b, start.Add(l.way[l.next].at))
	}
	l.now = 2500*time.Millisecond + grain
	l.run(l.now)
	if n := len(l.out) - before; n > burst {
		t.Errorf("%d packets at once after a stall", n)
	}
	l.run(10 * time.Second)
	s := l.path.Stats()
	t.Logf("%+v", s)
	if s.LateTicks != 1 || s.Skipped < 400*time.Millisecond || s.Skipped > 500*time.Millisecond || l.pool.Stats().LateTicks != 1 {
		t.Errorf("%+v, pool %+v", s, l.pool.Stats())
	}
	r := l.listen(pcma, 8000, 97)
	if r.holes != 1 {
		t.Errorf("%d holes", r.holes)
	}
	if snr := hearing.SineSNR(8000, r.pcm[8000*6:8000*7], 400); snr < 30 {
		t.Errorf("SNR %.1f dB", snr)
	}
}

// TestSpread looks at how paths fall on the phases of the clock.
func TestSpread(t *testing.T) {
	pool := NewPool(2)
	pcmu := find(t, "PCMU", 8000, 1)
	for range 80 {
		p, err := pool.Add(Options{In: Input{Format: pcmu, CN: none, Event: none}, Tap: func([]int16, int) {}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
	}
	for _, w := range pool.workers {
		w.serve(time.Millisecond)
		for n, list := range w.lists {
			if len(list) != 10 {
				t.Errorf("phase %d has %d paths of 40", n, len(list))
			}
		}
	}
}

// TestPool runs the real workers in a bubble of time: packets go in and come
// out at an even pace, and nothing runs when nothing is to be done.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pool := NewPool(2)
		ended := make(chan error)
		go func() { ended <- pool.Run(ctx) }()
		pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
		var paths []*Path
		var sent atomic.Int64
		for range 6 {
			o := ends(pcmu, pcma, 20*time.Millisecond)
			o.Out.Send = func([]byte) { sent.Add(1) }
			p, err := pool.Add(o)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, p)
		}
		for minute := range 3 {
			before := sent.Load()
			for n := range 60 * 50 {
				for i, p := range paths {
					b := make([]byte, header+160)
					h := packet{kind: 96, seq: uint16(minute*3000 + n), time: uint32(minute*10*60*8000 + n*160), ssrc: uint32(i)}
					h.write(b, n == 0)
					if !p.Push(b, time.Now()) {
						t.Fatal("queue full")
					}
				}
				time.Sleep(20 * time.Millisecond)
			}
			if n := sent.Load() - before; n < 6*2980 || n > 6*3060 {
				t.Errorf("%d packets in a minute", n)
			}
			time.Sleep(9 * time.Minute)
			if s := pool.Stats(); s.Active != 0 || s.Paths != 6 || s.LateTicks > 0 {
				t.Errorf("%+v", s)
			}
		}
		ticks := pool.Stats().Ticks
		time.Sleep(time.Hour)
		if n := pool.Stats().Ticks; n != ticks {
			t.Errorf("%d turns in an hour of rest", n-ticks)
		}
		for _, p := range paths {
			p.Close()
			p.Close()
		}
		if s := pool.Stats(); s.Paths != 0 {
			t.Errorf("%+v after all were closed", s)
		}
		cancel()
		<-ended
	})
}

// TestClose closes paths while they are served and pushed to, with everything
// going on.
func TestClose(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pool := NewPool(2)
	go func() { _ = pool.Run(ctx) }()
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	var closed [20]atomic.Bool
	for i := range closed {
		o := ends(pcmu, pcma, 10*time.Millisecond)
		o.Inband, o.In.Event, o.Out.Event = true, 101, 102
		check := func() {
			if closed[i].Load() {
				t.Error("called after Close")
			}
		}
		o.Out.Send = func([]byte) { check() }
		o.Tap = func([]int16, int) { check() }
		o.Key = func(dtmf.Event) { check() }
		p, err := pool.Add(o)
		if err != nil {
			t.Fatal(err)
		}
		var done atomic.Int32
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			b := make([]byte, header+160)
			for n := range 40 {
				h := packet{kind: 96, seq: uint16(n), time: uint32(n * 160)}
				h.write(b, false)
				p.Push(b, time.Now())
				p.Stats()
				time.Sleep(100 * time.Microsecond)
			}
		}()
		go func() {
			for n := range 10 {
				p.Play(func(rate int) Source { return &tone{rate: rate, left: 400, freq: 400} }, func(bool) { done.Add(1) })
				p.Send(dtmf.Event{Code: uint8(n)})
				p.Playing()
				time.Sleep(200 * time.Microsecond)
			}
		}()
		time.Sleep(time.Duration(i) * time.Millisecond)
		p.Close()
		closed[i].Store(true)
		<-stop
		for n := 0; done.Load() < 10 && n < 20_000; n++ {
			time.Sleep(time.Millisecond)
		}
		if done.Load() != 10 {
			t.Errorf("%d of 10 sources were told that they ended", done.Load())
		}
	}
}

// TestErrors asks for what cannot be.
func TestErrors(t *testing.T) {
	pool := NewPool(1)
	pcmu := find(t, "PCMU", 8000, 1)
	for what, o := range map[string]Options{
		"nobody to send to": {Out: Output{Format: pcmu, CN: none, Event: none}},
		"odd rate":          {In: Input{Format: pcmu}, Rate: 11025},
		"unknown format":    {In: Input{Format: codec.Format{Name: "G729", Clock: 8000, Native: 8000}}},
	} {
		if _, err := pool.Add(o); err == nil {
			t.Errorf("%s is taken", what)
		} else {
			t.Log(err)
		}
	}
}

// FuzzPush gives a path what strangers might send.
func FuzzPush(f *testing.F) {
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff}, uint8(0))
	f.Add([]byte{0x80, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0x8a, 1, 0}, uint8(1))
	f.Add([]byte{0x80, 13, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 60, 200, 3}, uint8(2))
	formats := codec.Formats()
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		in := formats[int(n)%len(formats)]
		o := ends(in, find(t, "PCMU", 8000, 1), time.Duration(n%6+1)*10*time.Millisecond)
		o.In.Event, o.In.CN, o.Inband = 101, 13, true
		o.Out.CN, o.Out.Event = 13, 101
		l := newLine(t, o, shaper{})
		// The octets are packets: a length, a time, then so much.
		at := time.Duration(0)
		for len(b) > 2 {
			size := min(int(b[0]), len(b)-2)
			at += time.Duration(b[1]) * time.Millisecond
			l.put(b[2:2+size], at)
			b = b[2+size:]
		}
		l.run(at + 3*time.Second)
		if len(l.out) > int(l.now/(10*time.Millisecond))+1 {
			t.Errorf("%d packets in %v", len(l.out), l.now)
		}
		l.listen(find(t, "PCMU", 8000, 1), 8000, 97)
	})
}
