package telephony

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
	"tandem/telephony/cdr"
	"tandem/telephony/conference"
	"tandem/telephony/content"
	"tandem/telephony/diversion"
	"tandem/telephony/feature"
	"tandem/telephony/login"
	"tandem/telephony/outcome"
	"tandem/telephony/owner"
	"tandem/telephony/parking"
	"tandem/telephony/q850"
	"tandem/telephony/routing"
)

// allow are the methods of our dialogs.
const allow = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, MESSAGE, NOTIFY"

// Config of an Exchange.
type Config struct {
	Dialog  dialog.Config // Layer, Wire, Resolver, Permit; the exchange fills in the rest
	Media   *media.Server
	Router  Router
	Records cdr.Store
	Domain  string // the default domain, for our From and Warning headers
	Country string // whose tones are heard, ISO 3166; "" or one whose tones are not known: US

	Calls    int           // calls at a time, default 10,000
	RingTime time.Duration // how long a call may ring, default 3 min
	Failover time.Duration // how long trunks are tried one after the other, default 20 s
	// Refused is told of calls that a limit does not let out or go on, see
	// routing.Refusal.Tell; nil: nobody is.
	Refused  func(routing.Refusal) error
	ParkTime time.Duration // how long a parked call waits before who parked it is called, default 3 min
	Music    string        // WAV file for who is on hold; "" carries hold across
	// Setting changes what a user wants, or who is logged in at a phone, by a code
	// dialled; device is the secret it registered with, "" for none. nil: codes change
	// nothing.
	Setting func(user rtc.AOR, device string, code feature.Code) error
	// Announcements is the folder of what callers hear when a call fails, see announce;
	// "" when they hear nothing.
	Announcements string
	// Recordings is the folder of recordings, "" when calls are not recorded;
	// RecordingTone has both sides hear that they are.
	Recordings    string
	RecordingTone bool
	// Local tells addresses of this server, which our Contacts name; nil: none is
	// known.
	Local func(host []byte, port uint16) bool
	// Reach tells by what connection a phone is reached whose own has closed; nil:
	// none is looked for. Reconnect is how long it has for a new one, default 20 s.
	Reach     routing.Reach
	Reconnect time.Duration
	// Manner is how a phone is spoken to, by the device secret it registered with; nil:
	// as one of which nothing is known.
	Manner func(device string) Manner
	Lines  SharedLines // nil: no line is shared
	Log    *slog.Logger
}

// Router decides where a call goes.
type Router interface {
	// Route runs on the lane of the INVITE and must not block. It returns rtc.Next
	// for an INVITE that is no business of telephony, and a *rtc.Status for one that
	// is refused.
	Route(r *rtc.Request) (routing.Route, error)
	// Caller is the route of a call of which only the caller counts, as that of Route.
	Caller(r *rtc.Request) (routing.Route, error)
	// Toward is the route of a call that the server makes for a user, the payer: to
	// the address of a user, an extension, or a number as the payer dials it. The
	// error is a *rtc.Status.
	Toward(payer rtc.AOR, target string) (routing.Route, error)
	// By is the route of a call that the server makes to a number by one trunk alone,
	// by the rights of payer or, when that is "", those that everybody has. The error
	// is a *rtc.Status.
	By(payer rtc.AOR, trunk, number string) (routing.Route, error)
	// Elsewhere is the rounds of a route whose Ask is set: it waits for DNS to say more of
	// the number, so that neither a lane nor an owner may run it. The error is a
	// *rtc.Status: there are none.
	Elsewhere(ctx context.Context, route routing.Route) (routing.Rounds, error)
	// Refer is the route to the target of a transfer by a user, whose rights count,
	// or by a trunk (""), which speaks with another user. Of a code it is the Code
	// alone, whatever that does. The error is as that of Route.
	Refer(by, with rtc.AOR, target refer.Target) (routing.Route, error)
	// May reports whether a user may do something, and so whether it is done for him.
	May(user rtc.AOR, what policy.Question) bool
	// MayPickUp reports whether a user may take a call that rings at another's phone.
	MayPickUp(by, at rtc.AOR) bool
	// Divert is the route of a call that nobody took on its way: to target, or, when
	// that is "", to where the user it rings wants such calls sent. The error is
	// rtc.Next when the user wants nothing, and a *rtc.Status when the call may not
	// go there.
	Divert(route routing.Route, why diversion.Reason, target string) (routing.Route, error)
	// Redirect is the route of a call that a trunk has sent elsewhere: from, the number
	// called by it, to target, a URI. It is payer's call. The error is a *rtc.Status:
	// it does not go there.
	Redirect(route routing.Route, by *gateways.Trunk, payer rtc.AOR, from, target string) (routing.Route, error)
}

// maxSeats is how many take part in one conference.
const maxSeats = 50

// Exchange leads calls. It is a handler of requests.
type Exchange struct {
	cfg      Config
	ua       *dialog.UA
	watchers []func(Event)
	logins   login.Logins

	crew *owner.Crew

	lookups sync.WaitGroup // of numbers in DNS

	mu     sync.Mutex
	calls  map[string]*Call // by ID
	ending bool             // takes no more
	swept  bool             // records of an earlier run were marked as interrupted
	early  []*Call          // calls of before, which have no record yet
	lot    parking.Lot[*Call]
	rooms  *conference.Rooms
}

// New makes an exchange.
func New(cfg Config) *Exchange {
	if cfg.Calls <= 0 {
		cfg.Calls = 10_000
	}
	if cfg.RingTime <= 0 {
		cfg.RingTime = 3 * time.Minute
	}
	if cfg.Reconnect <= 0 {
		cfg.Reconnect = 20 * time.Second
	}
	if cfg.ParkTime <= 0 {
		cfg.ParkTime = 3 * time.Minute
	}
	if cfg.Failover <= 0 {
		cfg.Failover = 20 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if _, ok := sound.Tones(cfg.Country, sound.Ringback); !ok {
		cfg.Country = "US"
	}
	x := &Exchange{cfg: cfg, crew: owner.NewCrew(), calls: make(map[string]*Call), rooms: conference.New(cfg.Calls, maxSeats)}
	d := cfg.Dialog
	d.Allow, d.Log = allow, cfg.Log
	x.ua = dialog.New(d)
	return x
}

// Run serves until ctx ends; then it ends all calls and waits for their owners.
// Records that are open from an earlier run are marked as interrupted first.
func (x *Exchange) Run(ctx context.Context) error {
	if err := x.settle(ctx); err != nil {
		return fmt.Errorf("marking interrupted calls: %w", err)
	}
	x.mu.Lock()
	early := x.early
	x.swept, x.early = true, nil
	x.mu.Unlock()
	for _, c := range early {
		c.box.Must(c.open)
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var carrier sync.WaitGroup
	carrier.Go(func() { _ = x.ua.Run(inner) })
	<-ctx.Done()
	x.mu.Lock()
	x.ending = true
	x.mu.Unlock()
	for _, c := range x.Calls() {
		c.Hangup("server")
	}
	x.crew.End()
	x.lookups.Wait()
	x.rooms.Wait()
	stop()
	carrier.Wait()
	return nil
}

// settle closes the records that an earlier run left open, and tells of each.
func (x *Exchange) settle(ctx context.Context) error {
	var open []cdr.Record
	err := x.cfg.Records.Each(ctx, cdr.Query{State: cdr.Open}, func(r *cdr.Record) error {
		open = append(open, r.Clone())
		return nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	n, err := x.cfg.Records.Interrupt(ctx, now)
	if err != nil {
		return err
	}
	if n > 0 {
		x.cfg.Log.Warn("calls were interrupted when the server ended", "calls", n)
	}
	for i := range open {
		open[i].State, open[i].Ended = cdr.Interrupted, now
		x.closed(&open[i])
	}
	return nil
}

// closed tells of the closed record of a call that nobody leads.
func (x *Exchange) closed(r *cdr.Record) {
	for _, f := range x.watchers {
		f(Event{Kind: Ended, Time: r.Ended, Record: r})
	}
}

// waits has the record of a call opened later: when Run has marked those of an earlier
// run, of which it is none.
func (x *Exchange) waits(c *Call) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.swept {
		x.early = append(x.early, c)
	}
	return !x.swept
}

// Serve implements rtc.Handler.
func (x *Exchange) Serve(r *rtc.Request) error {
	if r.Method() == sip.REFER && r.ToTag() == nil {
		if taken, err := x.summons(r); taken {
			return err
		}
	}
	if r.Method() == sip.OPTIONS && r.ToTag() == nil {
		if taken, err := x.probed(r); taken {
			return err
		}
	}
	if r.Method() != sip.INVITE || r.ToTag() != nil {
		if err := x.ua.Serve(r); err != rtc.Next || !x.astray(r) {
			return err
		}
		return &rtc.Status{Code: 481}
	}
	if !content.IsCall(r.Message) {
		return rtc.Next
	}
	if taken, err := x.replaced(r); taken {
		return err
	}
	route, err := x.cfg.Router.Route(r)
	if err != nil {
		return x.sayWhy(r, route, err)
	}
	if route.Code.Kind != feature.None {
		return x.receive(r, route, (*Call).serve)
	}
	return x.receive(r, route, (*Call).begin)
}

// turnedAway records a call of a user or a trunk that is refused before it rings
// anybody. After a 484 more digits may follow: that is no call yet.
func (x *Exchange) turnedAway(r *rtc.Request, route routing.Route, o outcome.Outcome) {
	if o.Code == 484 || route.Payer == "" && route.Trunk == nil {
		return
	}
	now := time.Now()
	record := recordOf(route, cdr.NewID(now), string(r.CallID()), now)
	record.State, record.Ended, record.Code, record.Text, record.Cause = cdr.Failed, now, o.Code, o.Text, int(causeOf(End{Code: o.Code, Reason: o.Reason}))
	lost := func(err error) {
		if err != nil {
			x.cfg.Log.Error("a refused call was not recorded", "call", record.ID, "err", err)
		}
	}
	lost(x.cfg.Records.Put(record.Clone(), lost))
	x.closed(&record)
}

// astray reports whether a request was sent to a Contact of ours in a dialog that is
// none (RFC 3261 §12.2.2).
func (x *Exchange) astray(r *rtc.Request) bool {
	if r.ToTag() == nil || r.Method() == sip.ACK || r.Method() == sip.CANCEL || r.Has(sip.HdrRoute) || x.cfg.Local == nil {
		return false
	}
	uri, err := sip.ParseURI(r.RequestURI())
	ours := len(uri.User) == 0 || routing.CodeOf(string(r.RequestURI())).Kind == feature.Conference // whose Contact is its URI
	return err == nil && uri.Kind != sip.URITel && ours && x.cfg.Local(uri.Host, uri.Port)
}

// Send sends a request outside dialogs, see uac.Client.
func (x *Exchange) Send(o uac.Outside, done func(uac.Reply)) error { return x.ua.Send(o, done) }

// FlowClosed implements transaction.FlowWatcher.
func (x *Exchange) FlowClosed(f transport.Flow) { x.ua.FlowClosed(f) }

// receive makes the call of an INVITE, with which its owner begins. It runs on the
// INVITE's lane.
func (x *Exchange) receive(r *rtc.Request, route routing.Route, begin func(c *Call, invite *sip.Message)) error {
	onward, err := x.ua.Onward(r.Message)
	if err != nil {
		return err
	}
	c := x.newCall(route)
	c.onward = onward
	c.caller = &leg{c: c, side: media.A, callID: string(r.CallID()), Destination: routing.Destination{Trunk: route.Trunk}}
	c.caller.at.Store(c)
	if r.Identity != nil {
		c.caller.Phone = r.Identity.Device
	}
	if o := c.caller.seize(); o.Code != 0 {
		busy := allTaken
		if route.Trunk.State() == gateways.Draining {
			busy, o = OutOfService, outcome.Outcome{Code: OutOfService.Code, Text: OutOfService.Reason}
		}
		x.turnedAway(r, route, o)
		return busy
	}
	c.caller.Want, c.caller.Who = route.Want, route.Caller
	how := dialog.Inbound{Events: events(), Sticky: route.Trunk == nil, Shape: c.caller.manner(x).Shape}
	if route.Trunk != nil {
		how.Peer = route.Trunk.Name
	}
	in, err := x.ua.Receive(r, how)
	if err != nil {
		c.caller.release()
		return err
	}
	c.caller.session, in.Session.User = in.Session, c.caller
	c.caller.appearance = in.Message.Appearance()
	c.log = x.cfg.Log.With("call", c.id, "call_id", c.caller.callID)
	c.record = recordOf(route, c.id, c.caller.callID, time.Now())
	if !x.enter(c) {
		c.caller.release()
		in.Session.Events = dialog.Events{} // there is no call
		return in.Session.Reject(503, dialog.Content{Header: tooMany.Header})
	}
	invite := in.Message // it lasts: a copy of the INVITE
	c.box.Must(func() {
		c.tell(Started)
		begin(c, invite)
	})
	return nil
}

func (x *Exchange) newCall(route routing.Route) *Call {
	c := &Call{x: x, id: cdr.NewID(time.Now()), route: route, rounds: route.Rounds}
	c.box.Crew = x.crew
	return c
}

// What a gateway is told to whose call there is no channel, or whose trunk takes no new
// calls for now: it tries another way.
var (
	allTaken     = &rtc.Status{Code: 503, Reason: "All Channels Taken", Header: append([]byte("Retry-After: 5\r\n"), outcome.ReasonLine(q850.NoChannel.Reason())...)}
	OutOfService = &rtc.Status{Code: 503, Reason: "Out Of Service", Header: []byte("Retry-After: 30\r\n")}
)

// tooMany is what a call is refused with for which there is no room.
var tooMany = &rtc.Status{Code: 503, Reason: "Too Many Calls", Header: []byte("Retry-After: 5\r\n")}

// fullMedia is the load of the media server from which on there is no room but for
// calls for help: they find ports for their sound when all others have taken theirs.
const fullMedia = 0.97

// enter lists a call that is about to begin; false when there are too many, or the
// server ends.
func (x *Exchange) enter(c *Call) bool {
	record := c.record
	c.shown.Store(&shown{record: &record})
	full := x.cfg.Media.Load() >= fullMedia
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ending || (full || len(x.calls) >= x.cfg.Calls) && !c.route.Emergency {
		return false
	}
	x.calls[c.id] = c
	return true
}

func (x *Exchange) forget(c *Call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.calls, c.id)
}

// Records reports whether calls can be recorded.
func (x *Exchange) Records() bool { return x.cfg.Recordings != "" }

// Active is how many calls there are.
func (x *Exchange) Active() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.calls)
}

// Dialogs is how many dialogs the legs of calls have. One that has ended is known
// for half a minute more.
func (x *Exchange) Dialogs() int { return x.ua.Table().Len() }

// Calls lists the calls there are.
func (x *Exchange) Calls() []*Call {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := make([]*Call, 0, len(x.calls))
	for _, c := range x.calls {
		all = append(all, c)
	}
	return all
}

// Call finds a call by its ID, nil when there is none.
func (x *Exchange) Call(id string) *Call {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.calls[id]
}
