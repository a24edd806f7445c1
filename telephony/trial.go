package telephony

import (
	"context"
	"sync"
	"time"

	"tandem/media"
	"tandem/media/quality"
	"tandem/media/sound"
	"tandem/media/transcode"
	"tandem/rtc"
	"tandem/telephony/cdr"
)

// TrialOptions say how a trunk is tried.
type TrialOptions struct {
	Payer rtc.AOR       // the user whose rights and limits count; "" is the default policy
	Ring  time.Duration // how long it may ring, 0 = 30 s
	Talk  time.Duration // how long both sides are heard once it is answered, 0 = 5 s
}

// Trial is what came of a call by which a trunk was tried.
type Trial struct {
	Record cdr.Record
	// Heard is what the trunk's side said: how long that was not silence, how loud, and
	// the tones in it.
	Heard time.Duration
	Level float64 // dBFS, of what was no silence
	Tones []sound.Segment
	Echo  bool // the tone that was sent came back
	// Sent is how many packets went to the trunk, and Hears what it says of them (RTCP).
	Sent  media.Counts
	Hears quality.Remote
}

// The tone that is sent: a second of it, and a second of silence.
const (
	trialTone  = 1004.0 // Hz, that of test lines
	trialLevel = -16.0  // dBFS
	longestEar = 60 * time.Second
)

// trial is what a call has in addition that tries a trunk.
type trial struct {
	talk time.Duration
	last media.LegReport

	mu  sync.Mutex
	pcm []int16 // heard, at sound.Rate
}

// Try calls a number by one trunk, whatever its prefixes, priority and health, plays a
// tone and listens. It uses the rights and the limits of a payer like any call, and is
// in the records. It returns when the call has ended; ctx ends it. The error is a
// *rtc.Status when the call may not be made; a call that is not answered is none.
func (x *Exchange) Try(ctx context.Context, trunk, number string, o TrialOptions) (Trial, error) {
	if o.Ring <= 0 {
		o.Ring = 30 * time.Second
	}
	if o.Talk <= 0 {
		o.Talk = 5 * time.Second
	}
	route, err := x.cfg.Router.By(o.Payer, trunk, number)
	if err != nil {
		return Trial{}, err
	}
	ended := make(chan *cdr.Record, 1)
	c := x.newCall(route)
	t := &trial{talk: min(o.Talk, longestEar)}
	c.origin = &origin{trial: t, Options: Options{Payer: o.Payer, Ring: o.Ring, Watch: func(e Event) {
		if e.Kind == Ended {
			ended <- e.Record
		}
	}}}
	c.record = recordOf(route, c.id, "", time.Now())
	c.record.From, c.record.Payer, c.record.Trunk = route.Caller.User, o.Payer, trunk
	if _, err := x.launch(ctx, c); err != nil && len(c.Record().Tried) == 0 {
		return Trial{}, err
	}
	select {
	case r := <-ended:
		return t.result(r), nil
	case <-ctx.Done():
		c.Hangup("server")
		return t.result(<-ended), nil
	}
}

// begin begins to play and to listen to the party who has answered.
func (t *trial) begin(c *Call) {
	err := c.media.Play(media.A, func(rate int) transcode.Source {
		return &looped{pcm: append(sound.ToneAt(rate, trialTone, trialLevel, time.Second), make([]int16, rate)...)}
	})
	if err == nil {
		_, err = c.media.Listen(media.A, sound.Rate, t.hear)
	}
	if err != nil {
		c.log.Error("a trunk cannot be tried", "trunk", c.caller.TrunkName(), "err", err)
		c.end(End{By: "server", Code: 500, Text: "no sound goes to the trunk: " + err.Error()})
		return
	}
	c.limit = time.AfterFunc(t.talk, func() {
		c.box.Must(func() { c.end(End{By: "server", Code: 200, Text: "the trial is over"}) })
	})
}

// hear keeps what is said. It is called by a worker of the media.
func (t *trial) hear(pcm []int16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pcm) < sound.Samples(longestEar) {
		t.pcm = append(t.pcm, pcm...)
	}
}

// note keeps the figures of the call's sound.
func (t *trial) note(report media.Report) {
	for _, s := range report.Streams {
		if s.Kind == "audio" {
			t.last = s.Sides[media.A]
			return
		}
	}
}

func (t *trial) result(r *cdr.Record) Trial {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Trial{Record: *r, Tones: sound.Segments(t.pcm), Sent: t.last.Sent, Hears: t.last.Hears}
	var loud []int16
	for step := sound.Samples(20 * time.Millisecond); len(t.pcm) >= step; t.pcm = t.pcm[step:] {
		if sound.Level(t.pcm[:step]) > sound.Quiet {
			loud = append(loud, t.pcm[:step]...)
		}
	}
	out.Heard = sound.Duration(len(loud))
	if len(loud) > 0 {
		out.Level = sound.Level(loud)
	}
	for _, s := range out.Tones {
		out.Echo = out.Echo || s.Freq > 0.99*trialTone && s.Freq < 1.01*trialTone
	}
	return out
}

// looped plays the same again and again.
type looped struct {
	pcm []int16
	at  int
}

// Read implements transcode.Source.
func (l *looped) Read(pcm []int16) int {
	for n := 0; n < len(pcm); {
		c := copy(pcm[n:], l.pcm[l.at:])
		n, l.at = n+c, (l.at+c)%len(l.pcm)
	}
	return len(pcm)
}
