package bridge

import (
	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/sound"
	"tandem/media/transcode"
)

// tapKey is everything a tap depends on.
type tapKey struct {
	voice    route.Heard
	recorder *sound.Recorder
	inband   bool
}

// tap is a path that decodes, and what it was made for.
type tap struct {
	*transcode.Path
	of tapKey
}

// tapped returns the tap that a leg needs now, or false when it needs none: for a
// recording, or to find keys in audio that passes. The caller holds mu.
func (l *leg) tapped() (tapKey, bool) {
	b := l.stream.bridge
	voice, ok := l.voice()
	if !ok {
		return tapKey{}, false
	}
	want := b.owner.Asked()
	k := tapKey{voice: voice, recorder: want.Recorder}
	k.inband = l.path == nil && want.Tones[l.which] == dtmf.TonesHeard && voice.Event == route.None
	return k, k.recorder != nil || k.inband
}

// settleTap makes, keeps or ends the tap of a leg. The caller must not hold mu.
func (l *leg) settleTap() {
	b := l.stream.bridge
	b.mu.Lock()
	k, need := l.tapped()
	old := l.tap
	if need && old != nil && old.of == k {
		b.mu.Unlock()
		return
	}
	l.tap = nil
	b.mu.Unlock()
	if old != nil {
		old.Close()
	}
	if !need {
		return
	}
	fresh, err := l.newTap(k)
	if err != nil {
		b.logger().Warn("audio cannot be decoded for a recording", "codec", k.voice.Name, "err", err)
		return
	}
	b.mu.Lock()
	l.onload() // the tap must get all packets
	l.tap = &tap{fresh, k}
	b.mu.Unlock()
}

func (l *leg) newTap(k tapKey) (*transcode.Path, error) {
	b := l.stream.bridge
	o := transcode.Options{
		In:  l.input(k.voice),
		Out: transcode.Output{Format: codec.Format{}, CN: route.None, Event: route.None},
	}
	if r := k.recorder; r != nil {
		o.Tap = func(pcm []int16, rate int) { r.Tap(int(l.which), pcm, rate) }
	}
	if k.inband {
		o.Inband = true
		o.Key = func(e dtmf.Event) { b.owner.Post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e}) }
	}
	return b.plant.Pool.Add(o)
}
