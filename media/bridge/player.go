package bridge

import (
	"errors"
	"fmt"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/sound"
	"tandem/media/transcode"
)

// ErrNoAudio means that a side has no audio stream into which something could be played
// or sent.
var ErrNoAudio = errors.New("this side has no audio yet")

// speaking is the leg of a side's first audio line.
func (b *Bridge) speaking(w Which) (*leg, error) {
	if l := b.speaker(w); l != nil {
		return l, nil
	}
	return nil, ErrNoAudio
}

// Press sends a key to a side: as an event if the side takes events, otherwise as a
// tone in the audio.
func (b *Bridge) Press(to Which, e dtmf.Event) error {
	l, err := b.speaking(to)
	if err != nil {
		return err
	}
	return l.press(e)
}

// Play plays a source to a side, at the rate that Ready returned, until it ends, is
// replaced, or Stop is called. EventPlayed follows when it has ended by itself. ended may
// be nil; it is called when the source is no longer used, and must not wait.
func (b *Bridge) Play(to Which, from transcode.Source, ended func()) error {
	l, err := b.speaking(to)
	if err != nil {
		return err
	}
	return l.playing(from, ended, true)
}

// Stop ends what is played to a side; the other side is heard again.
func (b *Bridge) Stop(to Which) {
	for _, st := range b.streams {
		if l := st.legs[to]; l != nil {
			l.stop()
		}
	}
}

// press sends a key to a leg's side through the path that speaks to it.
func (l *leg) press(e dtmf.Event) error {
	b := l.stream.bridge
	b.mu.Lock()
	p := l.ours()
	b.mu.Unlock()
	if p == nil {
		// The key needs a stream to be in: silence of the same length.
		_, rate, err := b.ready(l.which)
		if err != nil {
			return err
		}
		if err := l.playing(&pause{rate: rate, left: keyTime(e)}, nil, false); err != nil {
			return err
		}
		p = l.play.Path
	}
	if !p.Send(e) {
		return errors.New("too many keys are waiting to be sent")
	}
	l.keysUntil = latest(l.keysUntil, time.Now()).Add(keyTime(e))
	return nil
}

// ours returns the path that speaks to the leg's side, or nil. The caller holds mu.
func (l *leg) ours() *transcode.Path {
	if l.play != nil {
		return l.play.Path
	}
	if o := l.opposite(); o != nil && o.path != nil {
		return o.path.Path
	}
	return nil
}

// keyTime returns how long sending a key takes, with the repetitions of its end, the
// pause after it, and time to begin.
func keyTime(e dtmf.Event) time.Duration {
	if e.Duration <= 0 {
		e.Duration = dtmf.DefaultDuration
	}
	return e.Duration + 100*time.Millisecond
}

// Ready returns the rate at which something can be played to a side; ErrNoAudio, or
// another error if that is impossible.
func (b *Bridge) Ready(to Which) (rate int, err error) {
	_, rate, err = b.ready(to)
	return rate, err
}

// ready returns a side's leg and the rate at which something can be played to it.
func (b *Bridge) ready(to Which) (*leg, int, error) {
	l, err := b.speaking(to)
	if err != nil {
		return nil, 0, err
	}
	if _, ok := route.Saying(&l.agreed); !ok {
		return nil, 0, fmt.Errorf("nothing can be played to side %s: %w", to, codec.ErrNoEncoder)
	}
	if l.play != nil {
		return l, l.play.Rate(), nil
	}
	return l, playRate(l), nil
}

// playRate returns the rate at which a leg's player works: that of the codec, but at
// most wideband, because speech needs no more.
func playRate(l *leg) int {
	if n, ok := route.Outgoing(&l.agreed); ok {
		if f, ok := route.Convertible(l.agreed.Codecs[n].Codec); ok {
			return min(f.Native, 16000)
		}
	}
	return sound.Rate
}

// player is a path without input, and its output format.
type player struct {
	*transcode.Path
	of route.Said
}

// newPlayer makes a path that plays to a leg.
func (l *leg) newPlayer(k route.Said, rate int) (*transcode.Path, error) {
	b := l.stream.bridge
	clock := k.Format().Clock
	begun := false
	return b.plant.Pool.Add(transcode.Options{
		In:   transcode.Input{PayloadType: route.None, CN: route.None, Event: route.None},
		Rate: rate,
		Out: k.Output(b.plant.Opus, func(packet []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if !b.closed && l.on && l.agreed.CanSend {
				if !begun {
					begun, l.source = true, source{} // its numbers are new, and continue those sent before
				}
				l.put(packet, source{played, clock}, time.Now())
			}
		}),
	})
}

// playing starts a source on a leg's player. The player is made if there is none, and
// ends with the source unless another was started meanwhile. ended may be nil; it is
// called when the source is no longer used, and must not wait.
func (l *leg) playing(from transcode.Source, ended func(), tell bool) error {
	b := l.stream.bridge
	if l.play == nil {
		k, _ := route.Saying(&l.agreed)
		p, err := l.newPlayer(k, playRate(l))
		if err != nil {
			return err
		}
		b.mu.Lock()
		l.stream.legs[l.which.Other()].onload()
		l.play = &player{p, k}
		b.mu.Unlock()
	}
	l.plays++
	n := l.plays
	base := &layers{Source: from}
	l.base = base
	l.play.Play(func(int) transcode.Source { return base }, func(finished bool) {
		if ended != nil {
			ended()
		}
		if finished {
			b.owner.Soon(func() { b.played(l, n, tell) })
		}
	})
	return nil
}

// settlePlayer continues what is played in the codec agreed to now. The caller must not
// hold mu.
func (l *leg) settlePlayer() {
	b := l.stream.bridge
	k, ok := route.Saying(&l.agreed)
	if l.play == nil || !l.on || ok && l.play.of == k {
		return
	}
	var fresh *transcode.Path
	if ok {
		var err error
		if fresh, err = l.newPlayer(k, l.play.Rate()); err != nil {
			b.logger().Warn("what is played cannot go on", "to", k.Name, "err", err)
		}
	}
	if fresh == nil {
		l.stop()
		b.owner.Post(Event{Kind: EventPlayed, Side: l.which, Line: l.stream.index})
		return
	}
	b.mu.Lock()
	old := l.play
	l.play = &player{fresh, k}
	b.mu.Unlock()
	old.Yield(fresh)
}

// stop ends a leg's player, if it has one. Keys that wait in it are still sent.
func (l *leg) stop() {
	b := l.stream.bridge
	old := l.play
	if old == nil {
		return
	}
	old.Close() // while nothing else is heard, since it may have a key to end
	b.mu.Lock()
	l.play = nil
	b.mu.Unlock()
	l.keysUntil = time.Time{}
	for _, e := range old.Unsent() {
		if err := l.press(e); err != nil {
			b.logger().Warn("a key is lost", "side", l.which.String(), "err", err)
		}
	}
}

// played ends a leg's player when n is the last source it was given.
func (b *Bridge) played(l *leg, n int, tell bool) {
	if l.play == nil || n != l.plays {
		return // another source is playing
	}
	// Keys that wait in it need a stream for that long.
	left := time.Until(l.keysUntil)
	if left <= 0 || l.playing(&pause{rate: l.play.Rate(), left: left}, nil, false) != nil {
		l.stop()
	}
	if tell {
		b.owner.Post(Event{Kind: EventPlayed, Side: l.which, Line: l.stream.index})
	}
}

// pause is silence of a given length.
type pause struct {
	rate int
	left time.Duration
}

func (p *pause) Read(pcm []int16) int {
	n := min(len(pcm), int(p.left*time.Duration(p.rate)/time.Second))
	clear(pcm[:n])
	p.left -= time.Duration(n) * time.Second / time.Duration(p.rate)
	return n
}
