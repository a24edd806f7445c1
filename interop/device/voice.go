package device

import (
	"context"
	"sync"
	"time"

	"tandem/media/sound"
)

// voice says a tone without end, presses keys between, and keeps what it hears.
type voice struct {
	sound *Sound
	press chan pressing
	stop  context.CancelFunc
	work  sync.WaitGroup

	mu  sync.Mutex
	ear ear
}

// pressing is a key to be pressed, and how that went.
type pressing struct {
	key  string
	done chan error
}

// maxKept bounds what a voice keeps of what it hears: a minute.
const maxKept = 60 * sound.Rate

// newVoice begins to speak and to listen.
func newVoice(s *Sound, tone float64) *voice {
	ctx, stop := context.WithCancel(context.Background())
	v := &voice{sound: s, press: make(chan pressing), stop: stop, ear: ear{events: s.hears}}
	v.work.Go(func() { v.speak(ctx, sound.Tone(tone, level, time.Second)) })
	v.work.Go(v.listen)
	return v
}

// speak sends a packet each 20 ms. What cannot be sent is not heard, which others
// judge.
func (v *voice) speak(ctx context.Context, samples []int16) {
	beat, at := newBeat(), 0
	for {
		select {
		case p := <-v.press:
			p.done <- v.sound.press(ctx, p.key)
			beat = newBeat()
		default:
			_ = v.sound.utter(samples[at : at+frame])
			at = (at + frame) % len(samples)
		}
		if beat.wait(ctx) != nil {
			return
		}
	}
}

// listen keeps what comes until the port is closed.
func (v *voice) listen() {
	room := make([]byte, 2048)
	for {
		n, _, err := v.sound.conn.ReadFromUDPAddrPort(room)
		if err != nil {
			return
		}
		if n <= 12 || room[0]>>6 != 2 {
			continue
		}
		v.mu.Lock()
		if len(v.ear.heard) < maxKept {
			v.ear.packet(room[:n])
		}
		v.mu.Unlock()
	}
}

// key presses a key and waits until it is sent.
func (v *voice) key(ctx context.Context, key string) error {
	p := pressing{key, make(chan error, 1)}
	select {
	case v.press <- p:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keys are those heard so far.
func (v *voice) keys() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ear.report.Keys
}

func (v *voice) mark() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.ear.heard)
}

func (v *voice) heard(mark int) []sound.Segment {
	v.mu.Lock()
	samples := v.ear.heard[min(mark, len(v.ear.heard)):]
	v.mu.Unlock() // what is kept is only added to
	return sound.Segments(samples)
}

// close ends it, and the port.
func (v *voice) close() {
	v.stop()
	v.sound.Close()
	v.work.Wait()
}
