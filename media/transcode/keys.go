package transcode

import (
	"slices"
	"time"

	"tandem/media/dtmf"
)

const (
	// The least length of a tone we make and of the silence after it, as older
	// receivers need them.
	minTone  = 70 * time.Millisecond
	minPause = 50 * time.Millisecond
	// scrap is the length of a tone that no receiver takes for a key, and plain that of
	// one that each does (ITU-T Q.24).
	scrap = 20 * time.Millisecond
	plain = 60 * time.Millisecond
	// gapTime is how long packets must be missing until a key ends whose end was lost.
	gapTime = 250 * time.Millisecond
	// echoTime is how long after a key event the same key in the audio counts as the
	// same press, in addition to the delay of the audio.
	echoTime = 400 * time.Millisecond
)

// keys detects keys and sends them on.
type keys struct {
	reader   *dtmf.Reader
	detector *dtmf.Detector
	found    func(dtmf.Event) // for the detector; made once
	dropped  uint64

	last        dtmf.Event    // the last key event that ended
	ended       time.Duration // when
	packet      time.Duration // when the last packet of events arrived
	seq         uint16        // its number
	followed    bool          // other packets came after it
	open        bool          // an event is in progress
	passed      bool          // it was sent on before
	ssrc        uint32
	begun       bool          // ssrc is known
	mute, until time.Duration // between them the audio is that of a key

	queue [pressed]dtmf.Event // tones to be made
	count int
	at    int // samples of the first one that were made; negative for silence before it
	now   time.Duration
}

func (k *keys) init(p *Path) {
	if p.o.In.Event != none && p.hear != nil {
		clock := p.o.In.EventClock
		if clock == 0 {
			clock = p.hear.clock
		}
		if k.reader, k.passed = p.o.In.Keys, p.o.In.Passed; k.reader == nil {
			k.reader = dtmf.NewReader(clock)
		}
	}
	if p.o.Inband && p.hear != nil {
		k.detector = dtmf.NewDetector(p.rate)
	}
	k.ended, k.until = -time.Hour, -time.Hour
	k.at = -int(minPause * time.Duration(p.rate) / time.Second) // another path may have sent a key just now
	k.found = func(e dtmf.Event) {
		// Some devices send a key in both ways.
		delay := p.hear.buffer.Stats(k.now).Delay
		if k.open || e.Code == k.last.Code && k.now-k.ended < delay+echoTime {
			return
		}
		k.heard(p, e, p.o.Out.Event != none)
	}
}

// event handles a packet of events.
func (k *keys) event(p *Path, v *packet, at time.Duration) {
	if v.ssrc != k.ssrc && k.begun {
		k.idle(p, at, time.Hour)
		k.reader.Reset()
	}
	k.ssrc, k.begun, k.packet = v.ssrc, true, at
	k.seq, k.followed = v.seq, false
	e, started, ended := k.reader.Packet(v.time, v.payload)
	k.passed = k.passed && !started
	if _, going := k.reader.Current(); going && !k.open {
		k.open, k.mute = true, at
	}
	if ended {
		k.end(p, e, at)
	}
}

// other handles a packet that is not an event: it tells how many before it were lost.
func (k *keys) other(v *packet) {
	ahead := int16(v.seq - k.seq)
	if !k.open || k.followed || v.ssrc != k.ssrc || ahead <= 0 {
		return
	}
	k.followed = true
	k.reader.Missed(int(ahead) - 1)
}

// idle ends an event whose end was lost.
func (k *keys) idle(p *Path, now, since time.Duration) {
	if k.reader == nil {
		return
	}
	for {
		e, ended := k.reader.Idle(since)
		if !ended {
			return
		}
		k.end(p, e, now)
	}
}

func (k *keys) end(p *Path, e dtmf.Event, at time.Duration) {
	_, k.open = k.reader.Current()
	k.last, k.ended, k.until = e, at, at
	k.heard(p, e, !k.passed)
	k.passed = false
}

// heard reports a key and, unless the audio contains it already, sends it.
func (k *keys) heard(p *Path, e dtmf.Event, forward bool) {
	if p.o.Key != nil {
		p.o.Key(e)
	}
	if forward && p.speak != nil {
		k.send(p, e)
	}
}

// send queues a key in the form of the output.
func (k *keys) send(p *Path, e dtmf.Event) {
	switch {
	case p.speak.writer != nil:
		if !p.speak.writer.Start(e) {
			k.dropped++
		}
	case k.count == len(k.queue):
		k.dropped++
	default:
		if e.Duration <= 0 {
			e.Duration = dtmf.DefaultDuration
		}
		e.Duration = max(e.Duration, minTone)
		k.queue[k.count] = e
		k.count++
	}
}

// unsent removes and returns the keys that have not begun, or hardly, and ends the
// current one.
func (k *keys) unsent(p *Path) []dtmf.Event {
	s := p.speak
	if s.writer != nil {
		rest := s.writer.Cut()
		for s.writer.Busy() {
			s.turn = 0
			s.event()
		}
		return rest
	}
	made := func() time.Duration { return time.Duration(k.at-s.filled) * time.Second / time.Duration(p.rate) }
	for made() > scrap && made() < plain {
		k.sound(p)
		s.say(p.pcm, voice, p.hear)
	}
	list := k.queue[:k.count]
	if made() > scrap {
		list = list[1:]
	}
	return slices.Clone(list)
}

// listen detects keys in received audio, and mutes those that are sent in another form.
func (k *keys) listen(p *Path, now time.Duration, state presence) {
	k.now = now
	if since := now - k.packet; k.followed || since >= gapTime {
		k.idle(p, now, since)
	}
	if k.detector != nil && state != absent {
		k.detector.Process(p.pcm, k.found)
	}
	if p.speak == nil || state == absent {
		return
	}
	hush := k.detector != nil && p.o.Out.Event != none && k.detector.Present()
	if k.reader != nil {
		// The audio arrives later than the events.
		delay := p.hear.buffer.Stats(now).Delay
		hush = hush || k.open && now >= k.mute+delay-p.step || now < k.until+delay
	}
	if hush {
		clear(p.pcm)
	}
}

// sound replaces the audio by the tones of keys.
func (k *keys) sound(p *Path) bool {
	if p.speak != nil {
		p.speak.tones(k.count > 0)
	}
	if k.count == 0 {
		return false
	}
	if k.at < 0 {
		clear(p.pcm)
		k.at = min(k.at+len(p.pcm), 0)
		return true
	}
	e := k.queue[0]
	total := int((e.Duration + minPause) * time.Duration(p.rate) / time.Second)
	dtmf.Tone(p.pcm, p.rate, e, k.at)
	if k.at += len(p.pcm); k.at >= total {
		k.at = 0
		k.count--
		copy(k.queue[:], k.queue[1:k.count+1])
	}
	return true
}
