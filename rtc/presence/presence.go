package presence

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/location"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence/pidf"
	"tandem/rtc/transport"
)

// Name of the event package.
const Name = "presence"

// Users is what is needed of the directory.
type Users interface {
	event.Users
	// Watcher is somebody as far as consent asks.
	Watcher(address rtc.AOR, proved bool) consent.Watcher
}

// Config of an Agent. Zero values take the defaults.
type Config struct {
	Store    Store
	Users    Users
	Location *location.Location
	Consent  *consent.Book
	Notifier *event.Notifier
	Interval time.Duration          // least time between two NOTIFYs of a subscription
	Calls    func(user rtc.AOR) int // how many calls of a user are up; Changed is told when it changes. nil: nobody knows

	// Silent says of which bindings the device does not answer: it counts no more than if
	// it had gone. Changed is told when that changes. nil: of none.
	Silent func(aor rtc.AOR, b *location.Binding) bool

	// Admits reports whether there is a user, and he is not disabled: of others nothing is
	// shown, and what they published is dropped at a restart. nil: everybody is.
	Admits func(user rtc.AOR) bool

	// Used is when a user last proved who he is, the zero time if never; it
	// survives a restart. nil: nobody knows.
	Used func(user rtc.AOR) time.Time
	// LastSeen has watchers be told when somebody who is offline was last online.
	LastSeen bool

	Publications int // of a user at a time, default 20
	BodyBytes    int // of one, default 16 KiB
	Log          *slog.Logger
}

// Agent keeps presence, and is the handler for PUBLISH.
type Agent struct {
	cfg    Config
	states states
	closed atomic.Bool
}

// New makes an agent and adds its event package to the notifier.
func New(cfg Config) *Agent {
	if cfg.Publications <= 0 {
		cfg.Publications = 20
	}
	if cfg.BodyBytes <= 0 {
		cfg.BodyBytes = 16 << 10
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{cfg: cfg}
	a.states.init()
	cfg.Location.Watch(a.bound)
	cfg.Consent.Watch(func(owner rtc.AOR) { cfg.Notifier.Reauthorise(owner, Name) })
	cfg.Notifier.Add(event.Package{
		Name:       Name,
		Types:      []string{pidf.Type, pidf.DiffType, pidf.CPIMType, pidf.XPIDFType},
		Interval:   cfg.Interval,
		Authorise:  a.Authorise,
		Document:   a.document,
		Difference: difference,
	})
	return a
}

// Views of the package, and of others that follow the same consent.
const (
	Full   = ""       // all there is
	Hidden = "hidden" // somebody who is always offline
)

// Authorise is that of event packages which tell what a user lets others know.
func (a *Agent) Authorise(q event.Ask) (event.Grant, error) {
	switch action, _ := a.Decide(q.Resource, q.Watcher, q.Proved); action {
	case consent.Allow:
		return event.Grant{View: Full}, nil
	case consent.PoliteBlock:
		return event.Grant{View: Hidden}, nil
	case consent.Confirm:
		return event.Grant{View: Hidden, Pending: true}, nil
	}
	return event.Grant{}, &rtc.Status{Code: 403}
}

// Decide is what a watcher gets of a user, and the rule that says so.
func (a *Agent) Decide(owner, watcher rtc.AOR, proved bool) (consent.Action, *consent.Rule) {
	return a.cfg.Consent.Decide(owner, a.cfg.Users.Watcher(watcher, proved))
}

// gather is what is known of a user now.
func (a *Agent) gather(aor rtc.AOR) sources {
	s := sources{aor: aor}
	if !a.admits(aor) {
		return s
	}
	for _, b := range a.cfg.Location.Bindings(aor) {
		switch {
		case b.Flow.IsZero(): // its connection has gone, and so may the device
		case a.cfg.Silent != nil && a.cfg.Silent(aor, &b):
			s.silent = append(s.silent, b)
		default:
			s.bindings = append(s.bindings, b)
		}
	}
	if a.cfg.Calls != nil {
		s.calls = a.cfg.Calls(aor)
	}
	now := time.Now()
	a.states.look(aor, func(st *state) {
		for _, p := range st.published {
			switch {
			case s.ofSilent(p):
			case p.flow.IsZero() && !s.registered(p):
				s.left = append(s.left, p)
			default:
				s.published = append(s.published, p)
			}
		}
		if st.manual.counts(now) {
			s.manual = st.manual
		}
		if st.calendar.counts(now) {
			s.calendar = st.calendar
		}
		s.seen = st.seen
	})
	if a.cfg.Used != nil && s.manual.Activity != "offline" { // who hides is not given away by logging in
		if used := a.cfg.Used(aor); used.After(s.seen) {
			s.seen = used
		}
	}
	return s
}

func (a *Agent) admits(user rtc.AOR) bool { return a.cfg.Admits == nil || a.cfg.Admits(user) }

// Look is the document of a user as a watcher may see it now.
func (a *Agent) Look(aor rtc.AOR, view string) *pidf.Document {
	if view == Hidden {
		return offline(aor, time.Time{})
	}
	s := a.gather(aor)
	if !a.cfg.LastSeen {
		s.seen = time.Time{}
	}
	return compose(s)
}

// document implements event.Package.
func (a *Agent) document(q event.Query) event.Document {
	d := a.Look(q.Resource, q.View)
	switch q.Type {
	case pidf.DiffType:
		body, count := d.Full()
		return event.Document{Type: q.Type, Body: body, Count: count, First: 1, Source: d}
	case pidf.XPIDFType:
		return event.Document{Type: q.Type, Body: d.XPIDF()}
	}
	return event.Document{Type: q.Type, Body: d.Bytes()}
}

// difference implements event.Package.
func difference(old, now event.Document) (event.Document, bool) {
	before, ok1 := old.Source.(*pidf.Document)
	after, ok2 := now.Source.(*pidf.Document)
	if !ok1 || !ok2 {
		return event.Document{}, false
	}
	body, count, ok := after.Diff(before)
	return event.Document{Type: pidf.DiffType, Body: body, Count: count, First: 1}, ok
}

// Changed says that the presence of a user may be another one.
func (a *Agent) Changed(aor rtc.AOR) { a.cfg.Notifier.Changed(aor, Name) }

// SetManual sets what a user says of himself, durably; a Manual without activity
// ends it.
func (a *Agent) SetManual(ctx context.Context, aor rtc.AOR, m Manual) error {
	return a.set(ctx, aor, "manual", m, func(st *state) {
		if m.Activity == "offline" && st.manual.Activity != "offline" {
			st.seen = time.Now()
		}
		st.manual = m
	})
}

// SetCalendar sets what a calendar says, durably.
func (a *Agent) SetCalendar(ctx context.Context, aor rtc.AOR, m Manual) error {
	return a.set(ctx, aor, "calendar", m, func(st *state) { st.calendar = m })
}

func (a *Agent) set(ctx context.Context, aor rtc.AOR, source string, m Manual, apply func(*state)) error {
	if err := a.cfg.Store.PutStatus(ctx, aor, source, m); err != nil {
		return err
	}
	a.states.change(aor, apply)
	a.Changed(aor)
	return nil
}

// Unpublish ends all that the devices of a user have published.
func (a *Agent) Unpublish(user rtc.AOR) {
	a.drop(a.states.take(func(p *publication) bool { return p.owner == user }))
}

// Forget ends all that is known of a user who is no more, and who watches him.
func (a *Agent) Forget(ctx context.Context, user rtc.AOR) error {
	a.Unpublish(user)
	a.cfg.Notifier.EndAll(user, Name, "noresource")
	a.states.change(user, func(st *state) { st.seen = time.Time{} })
	return errors.Join(a.SetManual(ctx, user, Manual{}), a.SetCalendar(ctx, user, Manual{}))
}

// Run ends what has ended until ctx does.
func (a *Agent) Run(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			gone, changed := a.states.ended(now)
			a.drop(gone)
			for _, aor := range changed {
				a.Changed(aor)
			}
		}
	}
}

// drop deletes publications that have been taken out, and tells.
func (a *Agent) drop(gone []*publication) {
	for _, p := range gone {
		if !p.flow.IsZero() { // else he was not seen by it
			a.states.change(p.owner, func(st *state) { st.seen = time.Now() })
		}
		a.cfg.Log.Debug("publication ended", "aor", string(p.owner), "peer", p.flow.String())
		if err := a.cfg.Store.Delete(p.id, func(error) {}); err != nil {
			a.cfg.Log.Warn("an ended publication stays on disk until its time is over", "aor", string(p.owner), "err", err)
		}
		a.Changed(p.owner)
	}
}

// Close says that the server ends: connections and bindings that end from now on are its
// own doing, and what was published is kept for the next run.
func (a *Agent) Close() { a.closed.Store(true) }

// FlowClosed implements transaction.FlowWatcher: who published by a connection
// is gone with it.
func (a *Agent) FlowClosed(f transport.Flow) {
	if f.ID() != 0 && !a.closed.Load() {
		a.drop(a.states.take(func(p *publication) bool { return p.flow == f }))
	}
}

// bound follows bindings: what a device published ends with its last binding.
func (a *Agent) bound(aor rtc.AOR, old, now []location.Binding, _ location.Cause) {
	if a.closed.Load() || len(old) == len(now) && slices.EqualFunc(old, now, func(x, y location.Binding) bool { return x.URI == y.URI && x.Flow == y.Flow }) {
		return
	}
	var gone []*publication
	a.states.change(aor, func(st *state) {
		var rest []*publication
		for _, p := range st.published {
			was := slices.ContainsFunc(old, func(b location.Binding) bool { return p.of(&b) })
			is := slices.ContainsFunc(now, func(b location.Binding) bool { return p.of(&b) })
			if was && !is {
				gone = append(gone, p)
			} else {
				rest = append(rest, p)
			}
		}
		if len(gone) > 0 {
			st.published = rest
		}
		if len(old) > 0 && len(now) == 0 {
			st.seen = time.Now()
		}
	})
	a.drop(gone)
	a.Changed(aor)
}

// Restore loads what the Store kept, before the first request. flow revives UDP
// flows.
func (a *Agent) Restore(ctx context.Context, flow func(string) (transport.Flow, bool)) error {
	var gone []string
	err := a.cfg.Store.Load(ctx, func(st Stored) {
		if !a.admits(st.Owner) { // he was shut out while no server ran
			gone = append(gone, st.ID)
			return
		}
		doc, err := pidf.Parse(st.Body)
		if err != nil {
			a.cfg.Log.Error("a stored publication cannot be read", "aor", string(st.Owner), "err", err)
			return
		}
		p := &publication{id: st.ID, owner: st.Owner, doc: doc, body: st.Body, kind: st.Type, from: st.From, since: st.Since,
			count: st.Count, until: st.Until}
		p.flow, _ = flow(st.Flow)
		a.states.change(st.Owner, func(s *state) { s.published = append(s.published, p) })
	})
	if err != nil {
		return err
	}
	for _, id := range gone {
		_ = a.cfg.Store.Delete(id, func(error) {}) // the next start tries again
	}
	return a.cfg.Store.LoadStatus(ctx, func(aor rtc.AOR, source string, m Manual) {
		a.states.change(aor, func(st *state) {
			if source == "calendar" {
				st.calendar = m
			} else {
				st.manual = m
			}
		})
	})
}

// Source is one thing that is known of a user, for people.
type Source struct {
	Kind   string // publication, binding, calls, manual, calendar
	ID     string
	From   string // who says so
	Says   string // in a word or two
	Counts bool   // it is part of what is shown
	Since  time.Time
	Until  time.Time
}

// Explanation is all that is known of a user.
type Explanation struct {
	Sources  []Source
	Made     *pidf.Document // of them, by the rules in the package comment
	Says     string         // in a word or two
	LastSeen time.Time      // when he was last online, zero: he is, or nobody knows
}

// Explain lists every source of a user's presence, and what is made of them.
func (a *Agent) Explain(aor rtc.AOR) (e Explanation) {
	s := a.gather(aor)
	if e.LastSeen = s.seen; !a.cfg.LastSeen {
		s.seen = time.Time{}
	}
	e.Made = compose(s)
	manual, open := s.manual.Activity != "", e.Made.Open()
	if e.Says = Summary(e.Made); open {
		e.LastSeen = time.Time{}
	}
	var list []Source
	for _, p := range s.published {
		list = append(list, Source{Kind: "publication", ID: p.id, From: p.from + " " + p.flow.String(), Says: Summary(p.doc), Counts: s.manual.Activity != "offline", Since: p.since, Until: p.until})
	}
	for _, p := range s.left {
		list = append(list, Source{Kind: "publication", ID: p.id, From: p.from, Says: "its connection is gone", Since: p.since, Until: p.until})
	}
	for i := range s.bindings {
		b := &s.bindings[i]
		list = append(list, Source{Kind: "binding", ID: b.URI, From: b.UserAgent, Says: "available", Counts: !s.publishes(b) && s.manual.Activity != "offline", Until: b.Expires})
	}
	for i := range s.silent {
		b := &s.silent[i]
		list = append(list, Source{Kind: "binding", ID: b.URI, From: b.UserAgent, Says: "does not answer", Until: b.Expires})
	}
	if s.calls > 0 {
		list = append(list, Source{Kind: "calls", Says: "on-the-phone", Counts: !manual && open})
	}
	if manual {
		list = append(list, Source{Kind: "manual", Says: s.manual.Activity + " " + s.manual.Note, Counts: true, Until: s.manual.Until})
	}
	if s.calendar.Activity != "" {
		list = append(list, Source{Kind: "calendar", Says: s.calendar.Activity + " " + s.calendar.Note, Counts: !manual, Until: s.calendar.Until})
	}
	e.Sources = list
	return e
}

// Activity reports whether a word may be that of a Manual: an activity of RFC 4480
// §3.2, "available", "offline", or "".
func Activity(word string) bool {
	switch word {
	case "", "available", "offline", "appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "lunch", "meal",
		"meeting", "on-the-phone", "performance", "permanent-absence", "playing", "presentation", "shopping", "sleeping", "spectator",
		"steering", "travel", "tv", "vacation", "working", "worship":
		return true
	}
	return false
}
