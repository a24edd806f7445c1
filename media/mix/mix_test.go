package mix

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// voice is a tone a party says, a frame at a time.
type voice struct {
	freq, level float64 // level of full scale
	at          int
}

func (v *voice) next(rate int) []int16 {
	pcm := make([]int16, samples(rate))
	for i := range pcm {
		pcm[i] = int16(32767 * v.level * math.Sin(2*math.Pi*v.freq*float64(v.at+i)/float64(rate)))
	}
	v.at += len(pcm)
	return pcm
}

// level is that of a frequency in what was heard, of full scale.
func level(pcm []int16, rate int, freq float64) float64 {
	var re, im float64
	for i, s := range pcm {
		a := 2 * math.Pi * freq * float64(i) / float64(rate)
		re += float64(s) * math.Cos(a)
		im += float64(s) * math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm)) / 32767
}

// conference drives a room frame by frame and keeps what each party hears.
type conference struct {
	t      *testing.T
	room   *Room
	seats  []*Party
	ears   []*Source
	voices []*voice
	heard  [][]int16
	rates  []int
}

func newConference(t *testing.T, rate int) *conference {
	return &conference{t: t, room: NewRoom(rate, 100)}
}

func (c *conference) join(freq, loud float64, rate int) {
	c.t.Helper()
	p, err := c.room.Join()
	if err != nil {
		c.t.Fatal(err)
	}
	c.seats, c.ears = append(c.seats, p), append(c.ears, p.Source(rate))
	c.voices, c.rates = append(c.voices, &voice{freq: freq, level: loud}), append(c.rates, rate)
	c.heard = append(c.heard, nil)
}

// run lets all speak for so many frames; what was heard before is forgotten.
func (c *conference) run(frames int) {
	for i := range c.heard {
		c.heard[i] = nil
	}
	for range frames {
		for i, p := range c.seats {
			p.Say(c.voices[i].next(c.room.Rate()))
		}
		c.room.tick()
		for i, e := range c.ears {
			pcm := make([]int16, samples(c.rates[i]))
			if n := e.Read(pcm); n != len(pcm) {
				c.t.Fatalf("a source ended: %d", n)
			}
			c.heard[i] = append(c.heard[i], pcm...)
		}
	}
}

// hears fails unless a party hears each voice at its level, or not at all.
func (c *conference) hears(who int, want map[int]bool) {
	c.t.Helper()
	pcm := c.heard[who][len(c.heard[who])/2:] // filters have come in
	for n, v := range c.voices {
		got := level(pcm, c.rates[who], v.freq)
		if want[n] && math.Abs(got-v.level) > 0.02*v.level || !want[n] && got > 0.002 {
			c.t.Errorf("party %d hears %v Hz at %.4f; said at %.2f, to be heard: %v", who, v.freq, got, v.level, want[n])
		}
	}
}

func TestEachHearsAllOthers(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			c := newConference(t, rate)
			c.join(400, 0.2, 8000)
			c.join(1000, 0.1, 16000)
			c.join(1700, 0.15, rate)
			c.run(50)
			c.hears(0, map[int]bool{1: true, 2: true})
			c.hears(1, map[int]bool{0: true, 2: true})
			c.hears(2, map[int]bool{0: true, 1: true})

			c.seats[0].Mute(true)
			c.run(50)
			c.hears(0, map[int]bool{1: true, 2: true})
			c.hears(1, map[int]bool{2: true})
			c.hears(2, map[int]bool{1: true})

			c.seats[0].Mute(false)
			c.join(2500, 0.05, 8000)
			c.run(50)
			c.hears(3, map[int]bool{0: true, 1: true, 2: true})
			c.hears(1, map[int]bool{0: true, 2: true, 3: true})

			c.seats[1].Leave()
			c.seats[1].Leave()
			c.run(50)
			c.hears(1, nil)
			c.hears(0, map[int]bool{2: true, 3: true})
			if n := c.room.Parties(); n != 3 {
				t.Errorf("%d parties", n)
			}
		})
	}
}

// However many shout, nothing is clipped, and the level comes back afterwards
// without a jump.
func TestSumIsBounded(t *testing.T) {
	c := newConference(t, 16000)
	for i := range 20 {
		c.join(300+float64(i)*137, 0.9, 16000)
	}
	c.run(100)
	for who, pcm := range c.heard {
		for i, v := range pcm {
			if v > ceiling+1000 || v < -ceiling-1000 {
				t.Fatalf("party %d hears %d at sample %d", who, v, i)
			}
		}
	}
	for i := range c.voices {
		c.voices[i].level = 0
	}
	c.voices[0].level = 0.3
	c.run(100)
	pcm := c.heard[1]
	if got := level(pcm[len(pcm)/2:], 16000, 300); math.Abs(got-0.3) > 0.01 {
		t.Errorf("after the noise one is heard at %.3f, want 0.3", got)
	}
	early, later := level(pcm[320:1600], 16000, 300), level(pcm[6400:8000], 16000, 300)
	if early > later {
		t.Errorf("the level falls when it should come back: %.3f, then %.3f", early, later)
	}
}

// Who says too much or too little, or is not heard, disturbs nobody; what waits is
// bounded.
func TestUnevenParties(t *testing.T) {
	r := NewRoom(8000, 3)
	fast, err := r.Join()
	if err != nil {
		t.Fatal(err)
	}
	slow, err := r.Join()
	if err != nil {
		t.Fatal(err)
	}
	steady, err := r.Join()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Join(); !errors.Is(err, errFull) {
		t.Errorf("a fourth of three: %v", err)
	}
	ear, v := steady.Source(8000), &voice{freq: 500, level: 0.3}
	var heard []int16
	for i := range 100 {
		for range 3 {
			fast.Say(v.next(8000)[:53]) // in odd pieces
		}
		fast.Say(make([]int16, 5000)) // more than there is room for
		if i%2 == 0 {
			slow.Say(v.next(8000))
		}
		r.tick()
		pcm := make([]int16, 80)
		ear.Read(pcm)
		heard = append(heard, pcm...)
	}
	if fast.said.n > backlog*160 || steady.heard.n > backlog*160 || steady.heard.n < 160 {
		t.Errorf("%d and %d samples wait", fast.said.n, steady.heard.n)
	}
	if level(heard, 8000, 500) < 0.01 {
		t.Error("the slow one is not heard")
	}
}

// Run mixes 50 frames a second, and after a stall goes on with what is now.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(8000, 2)
		a, _ := r.Join()
		b, _ := r.Join()
		ctx, stop := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { r.Run(ctx) })
		ear, v := b.Source(8000), &voice{freq: 500, level: 0.5}
		var heard []int16
		time.Sleep(Frame / 2)
		for range 100 {
			a.Say(v.next(8000))
			time.Sleep(Frame)
			pcm := make([]int16, 160)
			ear.Read(pcm)
			heard = append(heard, pcm...)
		}
		stop()
		wait.Wait()
		if got := level(heard, 8000, 500); math.Abs(got-0.5) > 0.02 {
			t.Errorf("heard at %.3f, want 0.5: frames are lost or doubled", got)
		}
	})
}

func TestNoAllocationPerFrame(t *testing.T) {
	r := NewRoom(16000, 10)
	var parties []*Party
	var ears []*Source
	for i := range 10 {
		p, err := r.Join()
		if err != nil {
			t.Fatal(err)
		}
		parties, ears = append(parties, p), append(ears, p.Source([]int{8000, 16000, 48000}[i%3]))
	}
	said, heard := (&voice{freq: 500, level: 0.5}).next(16000), make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() {
		for _, p := range parties {
			p.Say(said)
		}
		r.tick()
		for _, e := range ears {
			e.Read(heard)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// Parties come and go while others speak and hear.
func TestComingAndGoing(t *testing.T) {
	r := NewRoom(8000, 50)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				r.tick()
			}
		}
	})
	var comers sync.WaitGroup
	for range 4 {
		comers.Go(func() {
			pcm := make([]int16, 160)
			for range 200 {
				p, err := r.Join()
				if err != nil {
					t.Error(err)
					return
				}
				ear := p.Source(8000)
				p.Say(pcm)
				p.Mute(true)
				ear.Read(pcm)
				p.Leave()
			}
		})
	}
	comers.Wait()
	close(stop)
	wait.Wait()
	if n := r.Parties(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func BenchmarkTick(b *testing.B) {
	for _, n := range []int{3, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := NewRoom(16000, n)
			said := (&voice{freq: 500, level: 0.1}).next(16000)
			for range n {
				if _, err := r.Join(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range r.parties {
					p.Say(said)
				}
				r.tick()
			}
		})
	}
}
