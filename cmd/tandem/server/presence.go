package server

import (
	"context"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/lamps"
	"tandem/cmd/tandem/people"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/event/dialoginfo"
	eventstore "tandem/rtc/event/sqlstore"
	"tandem/rtc/event/winfo"
	"tandem/rtc/policy/consent"
	consentstore "tandem/rtc/policy/consent/sqlstore"
	"tandem/rtc/presence"
	presencestore "tandem/rtc/presence/sqlstore"
	"tandem/sipphone/appearance"
)

// openPresence builds the presence agent and the lamps of lines, which follow the
// same consent.
func (s *Server) openPresence(ctx context.Context, cfg *config.Config) error {
	s.consent = consent.New(consentstore.New(s.store), consent.Action(cfg.Presence.Unknown), people.Names(s.directory, s.plan))
	if err := s.consent.Load(ctx); err != nil {
		return err
	}
	s.presence = presence.New(presence.Config{
		Store:        presencestore.New(s.store),
		Users:        s.users,
		Location:     s.location,
		Consent:      s.consent,
		Notifier:     s.events,
		Interval:     cfg.Presence.Interval,
		Calls:        func(user rtc.AOR) int { return s.lamps.Calls(user) },
		Publications: cfg.Presence.Publications,
		BodyBytes:    cfg.Presence.BodyBytes,
		Silent:       s.unanswering,
		Admits:       func(user rtc.AOR) bool { return s.directory.Standing(user, 0) == directory.Stands },
		Used:         s.directory.LastUsed,
		LastSeen:     cfg.Presence.LastSeen,
		Log:          s.log,
	})
	s.lamps = lamps.New(lamps.Config{Events: s.events, Authorise: s.presence.Authorise, Changed: s.presence.Changed,
		Lines: s.pint.lines.Lines(), Shared: func() *appearance.Board { return s.phones.Shared },
		Groups: ringGroups{s}, Domain: cfg.Domains[0]})
	s.consent.Watch(func(owner rtc.AOR) { s.events.Reauthorise(owner, dialoginfo.Name) })
	s.groups.Watch(s.regrouped)
	s.meetings = newMeetings(s.events, cfg.Domains[0])
	for _, pkg := range []string{presence.Name, dialoginfo.Name} { // those about which users decide
		own, err := winfo.Of(ctx, s.events, pkg, eventstore.NewWaiting(s.store, pkg), s.decided)
		if err != nil {
			return err
		}
		s.events.Add(own)
		s.consent.Watch(func(owner rtc.AOR) { s.events.Changed(owner, own.Name) })
	}
	s.directory.Watch(s.followUser)
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

// watchCalls has calls light the lamps.
func (s *Server) watchCalls(context.Context, *config.Config) error {
	s.exchange.Watch(s.lamps.Follow)
	s.exchange.Watch(s.meetings.follow)
	return nil
}

// Presence agent.
func (s *Server) Presence() *presence.Agent { return s.presence }

// Consent of users.
func (s *Server) Consent() *consent.Book { return s.consent }
