package server

import (
	"context"
	"slices"
	"sync"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/people"
	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/event/dialoginfo"
	"tandem/rtc/event/winfo"
	"tandem/rtc/policy/consent"
	consentstore "tandem/rtc/policy/consent/sqlstore"
	"tandem/rtc/presence"
	presencestore "tandem/rtc/presence/sqlstore"
	"tandem/sipphone/appearance"
	"tandem/telephony"
	"tandem/telephony/feature"
)

// openPresence builds the presence agent and the lamps of lines, which follow the
// same consent.
func (s *Server) openPresence(ctx context.Context, cfg *config.Config) error {
	s.consent = consent.New(consentstore.New(s.store), consent.Action(cfg.Presence.Unknown), people.Names(s.directory, s.plan))
	if err := s.consent.Load(ctx); err != nil {
		return err
	}
	s.lamps = &lamps{calls: make(map[string][]lit)}
	s.presence = presence.New(presence.Config{
		Store:        presencestore.New(s.store),
		Users:        s.users,
		Location:     s.location,
		Consent:      s.consent,
		Notifier:     s.events,
		Interval:     cfg.Presence.Interval,
		Calls:        func(user rtc.AOR) int { return s.lamps.board.Calls(user) },
		Publications: cfg.Presence.Publications,
		BodyBytes:    cfg.Presence.BodyBytes,
		Used:         s.directory.LastUsed,
		LastSeen:     cfg.Presence.LastSeen,
		Log:          s.log,
	})
	s.lamps.board = dialoginfo.New(s.events, s.mayWatch, presence.Hidden, s.lampLines())
	s.lamps.domain = cfg.Domains[0]
	s.lamps.changed = s.presence.Changed
	s.lamps.shared = func() *appearance.Board { return s.phones.Shared }
	s.consent.Watch(func(owner rtc.AOR) { s.events.Reauthorise(owner, dialoginfo.Name) })
	s.meetings = newMeetings(s.events, cfg.Domains[0])
	own := winfo.Of(s.events, presence.Name, s.decided)
	s.events.Add(own)
	s.consent.Watch(func(owner rtc.AOR) { s.events.Changed(owner, own.Name) })
	return s.presence.Restore(ctx, s.transport.ParseFlow)
}

// decided is what somebody decided about a watcher who has asked.
func (s *Server) decided(owner, watcher rtc.AOR, proved bool) string {
	switch action, _ := s.presence.Decide(owner, watcher, proved); action {
	case consent.Confirm:
		return ""
	case consent.Block:
		return "rejected"
	}
	return "approved"
}

// lampLines are lines besides those of users: of click-to-call, and places to park.
func (s *Server) lampLines() dialoginfo.Lines {
	lines := s.pint.lines.Lines()
	known := lines.Resource
	lines.Resource = func(address rtc.AOR) (rtc.AOR, bool) {
		if line, ok := known(address); ok {
			return line, true
		}
		return address, isSlot(address)
	}
	return lines
}

// isSlot reports whether an address is the code that retrieves a parked call.
func isSlot(address rtc.AOR) bool {
	code, ok := feature.Read(address.User())
	return ok && code.Kind == feature.Retrieve
}

// mayWatch says who may watch a line. That something is parked, and not who, is for
// every user.
func (s *Server) mayWatch(a event.Ask) (event.Grant, error) {
	if isSlot(a.Resource) {
		if !a.Proved {
			return event.Grant{}, &rtc.Status{Code: 403}
		}
		return event.Grant{}, nil
	}
	return s.presence.Authorise(a)
}

// watchCalls has calls light the lamps.
func (s *Server) watchCalls(context.Context, *config.Config) error {
	s.exchange.Watch(s.lamps.follow)
	s.exchange.Watch(s.meetings.follow)
	return nil
}

// lamps follows calls for the lines that take part in them.
type lamps struct {
	board   *dialoginfo.Board
	changed func(user rtc.AOR)
	shared  func() *appearance.Board // nil before there are phones
	domain  string

	mu    sync.Mutex
	calls map[string][]lit // the lines of each call
}

// lit is a line that a call keeps lit.
type lit struct {
	line rtc.AOR
	id   string
}

// follow takes an event of a call.
func (l *lamps) follow(e telephony.Event) {
	var now []lit
	for _, p := range e.Parties {
		if p.User == "" {
			continue
		}
		c := dialoginfo.Call{ID: e.Record.ID, CallID: p.CallID, LocalTag: p.LocalTag, RemoteTag: p.RemoteTag, Caller: p.Initiator,
			State: dialoginfo.Early, Held: p.Held, Remote: p.Remote, Display: p.RemoteName}
		switch {
		case p.State == telephony.Confirmed:
			c.State = dialoginfo.Confirmed
		case p.Initiator && e.Record.Ringing.IsZero():
			c.State = dialoginfo.Trying
		}
		if p.Initiator {
			c.ID += " caller"
		}
		now = append(now, lit{p.User, c.ID})
		l.board.Set(p.User, c)
		l.shared().Set(p.User, appearanceOf(p, c))
		l.changed(p.User)
	}
	if e.Slot != "" { // the lamp of the place where a party is parked
		slot := lit{rtc.AOR("sip:*5" + e.Slot + "@" + l.domain), e.Record.ID}
		now = append(now, slot)
		l.board.Set(slot.line, dialoginfo.Call{ID: slot.id, State: dialoginfo.Confirmed})
	}
	for _, x := range l.left(e.Record.ID, now) {
		l.board.Set(x.line, dialoginfo.Call{ID: x.id})
		l.shared().Set(x.line, appearance.Call{ID: x.id, State: appearance.Idle})
		l.changed(x.line)
	}
}

// keep notes a line that a call is about to light.
func (l *lamps) keep(call string, x lit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.calls[call], x) {
		l.calls[call] = append(l.calls[call], x)
	}
}

// left notes who takes part in a call, and returns those who do not any more.
func (l *lamps) left(call string, now []lit) (gone []lit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.calls[call] {
		if !slices.Contains(now, x) {
			gone = append(gone, x)
		}
	}
	if l.calls[call] = now; len(now) == 0 {
		delete(l.calls, call)
	}
	return gone
}

// Presence agent.
func (s *Server) Presence() *presence.Agent { return s.presence }

// Consent of users.
func (s *Server) Consent() *consent.Book { return s.consent }
