package telephony

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/identity"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// Options of Connect.
type Options struct {
	// Payer is the user whose call it is: whose rights are asked for both numbers,
	// whose site says how they are dialled.
	Payer rtc.AOR
	// ShowA is whom A sees as caller, ShowB whom B sees. The zero value shows the
	// other party: its user, or its number.
	ShowA, ShowB Shown
	// Announcement is a WAV file that A hears over and over while B rings. Without
	// one A hears the ringback tone of Config.Country.
	Announcement string
	// Ring is how long each may ring, Talk how long both may talk. 0 is the
	// exchange's ring time, and no limit.
	Ring, Talk time.Duration
	// Trunk is the only one, or the trunk group, by which numbers are called; "" is any
	// that serves them.
	Trunk string
	// Hold has the call wait once A has answered, for Proceed or Speak.
	Hold bool
	// Hear is given what each party says from its answer on, as mono PCM of 8,000 Hz, 20
	// ms at a time, until it returns false. It must not wait, keep pcm, nor call the call.
	// It may be nil.
	Hear func(side media.Which, pcm []int16) (more bool)
	// Watch is told of the changes of this call, as are those of Exchange.Watch; the
	// same holds for it. It may be nil.
	Watch func(Event)
}

// Shown is a caller as the called party sees it.
type Shown struct {
	Name   string // "" for none
	Number string // E.164 with '+': what trunks are told
	AOR    rtc.AOR
	// Private withholds the caller from the called party (RFC 3323); trunks are told
	// all the same.
	Private bool
}

// origin is what a call has in addition that the server makes by itself.
type origin struct {
	Options
	toB     routing.Route
	rang    bool        // a phone of A
	reached bool        // A has answered
	held    bool        // it waits for Proceed
	play    *[]string   // files that are heard instead of being joined, those that are left; nil: both are joined
	to      media.Which // who hears them
	trial   *tryout     // tries a trunk
	room    string      // whose speaker A hears, as one of those who are paged; "" for no page
	seatIn  string      // conference that A is seated in instead; "" for none
	begun   func(error) // told once: the record is on disk, or the call has ended before
}

// Connect calls A, and when A has answered, B, and joins them: click-to-call, the
// services of PINT (RFC 2848). Each is the address of a user, an extension, or a
// telephone number as Payer dials it. It returns once the call's record is on disk;
// ctx bounds the wait. The error is a *rtc.Status, within an *Uncallable when one of both
// cannot be called. The call goes on by itself then, is watched by Options.Watch, and
// can be ended at any time by Hangup.
func (x *Exchange) Connect(ctx context.Context, a, b string, o Options) (*Call, error) {
	toA, err := x.cfg.Router.Toward(o.Payer, a)
	if err != nil {
		return nil, &Uncallable{To: a, Err: err}
	}
	toB, err := x.cfg.Router.Toward(o.Payer, b)
	if err != nil {
		return nil, &Uncallable{Second: true, To: b, Err: err}
	}
	if err := errors.Join(toA.Through(o.Trunk), toB.Through(o.Trunk)); err != nil {
		return nil, err
	}
	toA.Caller, toB.Caller = o.ShowA.party(toB, x.cfg.Domain), o.ShowB.party(toA, x.cfg.Domain)
	c := x.newCall(toA)
	c.origin = &origin{Options: o, toB: toB}
	c.record = recordOf(toB, c.id, "", time.Now())
	c.record.From, c.record.Display, c.record.Payer = toA.Target(), toA.CalledName, o.Payer
	return x.launch(ctx, c)
}

// Uncallable is why Connect calls nobody: a party that cannot be called.
type Uncallable struct {
	Second bool // it is B
	To     string
	Err    error // a *rtc.Status
}

// Error implements error.
func (u *Uncallable) Error() string { return fmt.Sprintf("calling %s: %v", u.To, u.Err) }

// Unwrap gives the *rtc.Status.
func (u *Uncallable) Unwrap() error { return u.Err }

// launch begins a call that the server makes by itself.
func (x *Exchange) launch(ctx context.Context, c *Call) (*Call, error) {
	begun := make(chan error, 1)
	c.origin.begun = func(err error) { begun <- err }
	if err := x.start(c); err != nil {
		return nil, err
	}
	select {
	case err := <-begun:
		if err != nil {
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		c.Hangup("server")
		return nil, ctx.Err()
	}
}

// start begins it and does not wait. The error says that there is no room.
func (x *Exchange) start(c *Call) error {
	if c.origin.Ring <= 0 {
		c.origin.Ring = x.cfg.RingTime
	}
	c.caller = &leg{c: c, side: media.A} // nobody yet
	c.log = x.cfg.Log.With("call", c.id)
	if !x.enter(c) {
		return tooMany
	}
	c.box.Must(func() {
		c.tell(Started)
		c.dial()
	})
	return nil
}

// dial rings A.
func (c *Call) dial() {
	if c.open(); c.over {
		return
	}
	session, err := c.x.cfg.Media.Open(c.id+"-A", media.Options{Handle: func(e media.Event) { c.box.Post(func() { c.heard(e) }) }})
	if err != nil {
		c.log.Error("no media session", "err", err)
		c.refuse(outcome.Described(err))
		return
	}
	c.media = session
	c.limit = time.AfterFunc(c.origin.Ring, func() { c.box.Must(c.unanswered) })
	c.next()
}

// dialling says that A of a call that the server makes has not answered yet.
func (c *Call) dialling() bool { return c.origin != nil && !c.origin.reached }

// dialled is told of a provisional response of A.
func (c *Call) dialled(l *leg, body []byte) {
	if body != nil { // its 200 may have none then
		if _, err := l.hear(body); err != nil {
			c.log.Warn("early media is not usable", "leg", l.callID, "err", err)
		}
	}
	if !c.origin.rang {
		c.origin.rang = true
		c.tell(CallerRings)
	}
}

// reached goes on to B when A has answered: what was called becomes the caller. A
// waits in a session of its own until then, since only the called side of a
// session can have several devices.
func (c *Call) reached(l *leg, body []byte) {
	c.chosen(l)
	if _, err := l.choose(body); err != nil {
		c.log.Warn("answer not usable", "leg", l.callID, "err", err)
		l.bye(nil)
		c.refuse(outcome.Described(err))
		return
	}
	alone := c.media
	session, err := c.x.cfg.Media.Open(c.id, media.Options{Handle: func(e media.Event) { c.box.Post(func() { c.heard(e) }) }})
	if err == nil {
		if err = session.Adopt(media.A, alone, media.B); err != nil {
			session.Close()
		}
	}
	if err != nil {
		c.log.Error("no media session", "err", err)
		l.bye(nil)
		c.refuse(outcome.Described(err))
		return
	}
	alone.Close()
	c.media, c.caller, l.side = session, l, media.A
	c.record.CallIDs[0] = l.callID
	c.log = c.log.With("call_id", l.callID)
	c.origin.reached = true
	c.bear(l)
	if c.origin.room != "" {
		c.listens(l)
		return
	}
	if c.origin.seatIn != "" {
		c.summoned(l)
		return
	}
	c.note(cdr.CallerReached, l.name())
	c.tell(CallerReached)
	c.overhear(media.A)
	if c.origin.held = c.origin.Hold; !c.origin.held {
		c.proceed()
	}
}

// because is the Reason with which those are told of a failure who get no response: a
// party that the server has called and that waits for another (RFC 3725 §6).
func (c *Call) because(o outcome.Outcome) string {
	if c.origin == nil || o.Reason != "" || o.Code < 300 {
		return o.Reason
	}
	return fmt.Sprintf(`SIP;cause=%d;text="%s"`, o.Code, sip.ReasonPhrase(o.Code))
}

// callB rings B for A, who waits.
func (c *Call) callB() {
	c.route, c.rounds, c.best = c.origin.toB, c.origin.toB.Rounds, outcome.Outcome{}
	c.limit = time.AfterFunc(c.origin.Ring, func() { c.box.Must(c.unanswered) })
	c.waitTone()
	c.next()
}

// waitTone has A hear that B rings.
func (c *Call) waitTone() {
	var err error
	if file := c.origin.Announcement; file != "" {
		_, err = c.media.Announce(media.A, file, 0)
	} else {
		err = c.media.Tone(media.A, c.x.cfg.Country, sound.Ringback, 0)
	}
	if err != nil {
		c.log.Warn("nothing is played to the caller who waits", "err", err)
	}
}

// join connects A with B, who has answered.
func (c *Call) join() {
	c.media.Stop(media.A)
	c.correct(c.caller)
	c.overhear(media.B)
	if talk := c.origin.Talk; talk > 0 {
		c.limit = time.AfterFunc(talk, func() {
			c.box.Must(func() { c.end(End{By: "server", Code: 200, Text: "the longest talk time is over"}) })
		})
	}
}

// party is whom a called party sees, by default the other party of the call.
func (s Shown) party(other routing.Route, domain string) identity.Party {
	p := identity.Party{User: s.AOR, Number: s.Number, Name: s.Name, URI: string(s.AOR), Private: s.Private}
	if p.User == "" && p.Number == "" {
		p.User, p.Number, p.URI = other.Called, other.CalledNumber, string(other.Called)
		p.Private = p.Private || other.CalledPrivate
		if p.Name == "" {
			p.Name = other.CalledName
		}
		if p.Number == "" {
			p.Number = other.Number
		}
	}
	if p.URI == "" {
		p.URI = "sip:" + p.Number + "@" + domain
	}
	return p
}
