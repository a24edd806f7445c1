package media

import (
	"context"
	"sync"
	"testing"
	"time"

	"tandem/media/mix"
	"tandem/media/sdp"
	"tandem/media/sound"
)

// heard keeps what a listener is given.
type heard struct {
	mu  sync.Mutex
	pcm []int16
}

func (h *heard) hear(pcm []int16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pcm = append(h.pcm, pcm...)
}

func (h *heard) take() []int16 {
	h.mu.Lock()
	defer h.mu.Unlock()
	pcm := h.pcm
	h.pcm = nil
	return pcm
}

// alone opens a session whose only side is a phone.
func alone(t *testing.T, s *Server, name string, p *phone) *Session {
	t.Helper()
	session, err := s.Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := session.TakeOffer(A, p.sdp()); err != nil {
		t.Fatal(err)
	}
	answer, err := session.MakeAnswer(A, Want{})
	if err != nil {
		t.Fatal(err)
	}
	p.use(answer)
	return session
}

// What a side says is heard at the rate asked for, whether it passes, is converted
// or goes to nobody, and after its codec changed.
func TestListen(t *testing.T) {
	type leg struct {
		codec sdp.Codec
		want  Want
	}
	for name, b := range map[string]*leg{"passed": {pcmu, Want{}}, "converted": {pcma, Want{Codecs: []string{"PCMA"}}}, "alone": nil} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				s := start(t)
				a := newPhone(t, pcmu, 1004)
				var session *Session
				if b == nil {
					session = alone(t, s, "x", a)
				} else {
					session = call(t, s, a, newPhone(t, b.codec, 500), b.want)
				}
				var narrow, wide heard
				at8, err := session.Listen(A, 8000, narrow.hear)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := session.Listen(A, 16000, wide.hear); err != nil {
					t.Fatal(err)
				}
				check := func(h *heard, rate int, least time.Duration) {
					t.Helper()
					pcm := h.take()
					if n := time.Duration(len(pcm)) * time.Second / time.Duration(rate); n < least {
						t.Fatalf("%v were heard, want %v", n, least)
					}
					mid := pcm[len(pcm)/4 : len(pcm)/2]
					if freq, purity := sound.FrequencyAt(rate, mid); freq < 1000 || freq > 1008 || purity < 0.95 {
						t.Errorf("heard %.0f Hz (purity %.2f) at %d Hz", freq, purity, rate)
					}
				}
				a.talk(t.Context(), time.Second)
				check(&narrow, 8000, 900*time.Millisecond)
				check(&wide, 16000, 900*time.Millisecond)
				at8.Stop()
				at8.Stop()
				narrow.take()
				if b == nil { // with the other codec it was given
					a.codec, a.format = pcma, newPhone(t, pcma, 0).format
					if err := session.TakeOffer(A, version(a.sdp(), 2)); err != nil {
						t.Fatal(err)
					}
					if _, err := session.MakeAnswer(A, Want{}); err != nil {
						t.Fatal(err)
					}
					wide.take()
				}
				a.talk(t.Context(), time.Second)
				check(&wide, 16000, 900*time.Millisecond)
				if n := len(narrow.take()); n > 0 {
					t.Errorf("%d samples after Stop", n)
				}
				session.Close()
				wide.take()
				time.Sleep(time.Second)
				if n := len(wide.take()); n > 0 {
					t.Errorf("%d samples after the end", n)
				}
			})
		})
	}
}

func TestListenRefuses(t *testing.T) {
	s := start(t)
	session, _ := open(t, s)
	if _, err := session.Listen(A, 11025, nil); err == nil {
		t.Error("any rate is taken")
	}
	for range maxListeners {
		if _, err := session.Listen(A, 8000, func([]int16) {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := session.Listen(A, 8000, func([]int16) {}); err == nil {
		t.Error("there is no bound")
	}
	session.Close()
	if _, err := session.Listen(A, 8000, nil); err != errClosed {
		t.Errorf("to a session that has ended: %v", err)
	}
}

// A listener who is stuck holds up no packet.
func TestStuckListenerHoldsUpNobody(t *testing.T) {
	s := start(t, func(c *Config) { c.Converters = 1 })
	a, b := newDeskPhone(t, false), newDeskPhone(t, false)
	session, _ := answered(t, s, "call", a, b, Want{})
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	if _, err := session.Listen(A, 8000, func([]int16) { once.Do(func() { close(stuck); <-release }) }); err != nil {
		t.Fatal(err)
	}
	talk(t, a, 1, b, 2)
	<-stuck
	talk(t, a, 3, b, 4)
	close(release)
}

// Three and then four phones with different codecs confer: each hears the others
// and not himself; one is mute, one leaves, and one is played something meanwhile.
func TestConference(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		freqs := []float64{440, 1000, 1700, 2500}
		codecs := []sdp.Codec{pcmu, pcma, g722, opus}
		room := mix.NewRoom(16000, 10)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { room.Run(ctx) })
		var phones []*phone
		var seats []*Seat
		join := func() {
			t.Helper()
			n := len(phones)
			p := newPhone(t, codecs[n], freqs[n])
			seat, err := alone(t, s, codecs[n].Name, p).Confer(A, room)
			if err != nil {
				t.Fatal(err)
			}
			phones, seats = append(phones, p), append(seats, seat)
			go p.listen()
		}
		// speak has all talk and tells what shares of the tones each hears.
		speak := func(want ...[]int) {
			t.Helper()
			var wait sync.WaitGroup
			for _, p := range phones {
				p.mu.Lock()
				p.heard = nil
				p.mu.Unlock()
				wait.Go(func() { p.talk(t.Context(), 2*time.Second) })
			}
			wait.Wait()
			for n, p := range phones {
				for m, freq := range freqs[:len(phones)] {
					share, _ := p.tone(freq)
					least := 0.9
					for _, other := range want[n] {
						if other == m {
							least = 0.5 / float64(len(want[n])) // they come at one level
							share = -share
						}
					}
					if share < 0 && -share < least || share > 0.02 {
						t.Errorf("phone %d hears %.3f of %v Hz; it should hear those of %v", n, share, freq, want[n])
					}
				}
			}
		}
		join()
		join()
		join()
		speak([]int{1, 2}, []int{0, 2}, []int{0, 1})
		join()
		speak([]int{1, 2, 3}, []int{0, 2, 3}, []int{0, 1, 3}, []int{0, 1, 2})
		seats[1].Mute(true)
		speak([]int{2, 3}, []int{0, 2, 3}, []int{0, 3}, []int{0, 2})
		seats[1].Mute(false)
		seats[2].Leave()
		speak([]int{1, 3}, []int{0, 3}, nil, []int{0, 1})
		if n := room.Parties(); n != 3 {
			t.Errorf("%d parties are left", n)
		}
		stop()
		running.Wait()
	})
}

// Nobody opposite, an empty room, a full one.
func TestConferRefuses(t *testing.T) {
	s := start(t)
	session, _ := open(t, s)
	room := mix.NewRoom(8000, 1)
	if _, err := session.Confer(A, room); err != ErrNoAudio {
		t.Errorf("a side without audio: %v", err)
	}
	if n := room.Parties(); n != 0 {
		t.Errorf("%d parties", n)
	}
}
