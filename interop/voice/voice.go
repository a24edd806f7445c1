package voice

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/sound"
)

// Voice says a tone without end, presses keys between, and keeps what it hears. Once it
// is a fax it says no tone: it sends and keeps packets of UDPTL.
type Voice struct {
	sound *Sound
	press chan pressing
	stop  context.CancelFunc
	work  sync.WaitGroup

	fax atomic.Bool

	mu      sync.Mutex
	ear     ear
	printed [][]byte // packets of UDPTL that came
}

// pressing is a key to be pressed, and how that went.
type pressing struct {
	key  string
	done chan error
}

// maxKept bounds what a voice keeps of what it hears: a minute.
const maxKept = 60 * sound.Rate

// maxPrinted bounds the packets of a fax it keeps.
const maxPrinted = 1000

// Speak begins to speak and to listen.
func Speak(s *Sound, tone float64) *Voice {
	ctx, stop := context.WithCancel(context.Background())
	v := &Voice{sound: s, press: make(chan pressing), stop: stop, ear: ear{events: s.hears}}
	v.work.Go(func() { v.speak(ctx, sound.Tone(tone, level, time.Second)) })
	v.work.Go(v.listen)
	return v
}

// speak sends a packet each 20 ms. What cannot be sent is not heard, which others
// judge.
func (v *Voice) speak(ctx context.Context, samples []int16) {
	beat, at := newBeat(), 0
	for {
		select {
		case p := <-v.press:
			p.done <- v.sound.press(ctx, p.key)
			beat = newBeat()
		default:
			if !v.fax.Load() {
				_ = v.sound.utter(samples[at : at+frame])
				at = (at + frame) % len(samples)
			}
		}
		if beat.wait(ctx) != nil {
			return
		}
	}
}

// listen keeps what comes until the port is closed.
func (v *Voice) listen() {
	room := make([]byte, 2048)
	for {
		b, err := v.sound.receive(room)
		if err != nil {
			return
		}
		v.mu.Lock()
		switch {
		case len(b) > rtpHead && b[0]>>6 == 2:
			if len(v.ear.heard) < maxKept {
				v.ear.packet(b)
			}
		case v.fax.Load() && len(b) > 0 && len(v.printed) < maxPrinted:
			v.printed = append(v.printed, bytes.Clone(b))
		}
		v.mu.Unlock()
	}
}

// Press presses a key and waits until it is sent.
func (v *Voice) Press(ctx context.Context, key string) error {
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

// Keys are those heard so far.
func (v *Voice) Keys() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ear.report.Keys
}

// Mark is a moment in what it has heard.
func (v *Voice) Mark() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.ear.heard)
}

// Heard are the tones since then.
func (v *Voice) Heard(mark int) []sound.Segment {
	v.mu.Lock()
	samples := v.ear.heard[min(mark, len(v.ear.heard)):]
	v.mu.Unlock() // what is kept is only added to
	return sound.Segments(samples)
}

// Fax has it go on as a fax, toward where a description of T.38 wants it.
func (v *Voice) Fax(description []byte) error {
	far, err := udptl(description)
	if err == nil {
		v.sound.aim.Store(&aim{far: far})
		v.fax.Store(true)
	}
	return err
}

// Scan sends a packet of a fax.
func (v *Voice) Scan(packet []byte) error {
	_, err := v.sound.conn.WriteToUDPAddrPort(packet, v.sound.aim.Load().far)
	return err
}

// Printed says whether a packet of a fax has come, octet for octet.
func (v *Voice) Printed(packet []byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.printed, func(p []byte) bool { return bytes.Equal(p, packet) })
}

// Close ends it, and the port.
func (v *Voice) Close() {
	v.stop()
	v.sound.Close()
	v.work.Wait()
}
