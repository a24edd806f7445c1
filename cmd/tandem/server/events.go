package server

import (
	"context"
	"slices"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/contacts/xcapdiff"
	"tandem/rtc/directory"
	"tandem/rtc/event"
	"tandem/rtc/event/reginfo"
	eventstore "tandem/rtc/event/sqlstore"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// openEvents builds the notifier. Rooms that come later add their event packages
// to it.
func (s *Server) openEvents(ctx context.Context, cfg *config.Config) error {
	if err := s.openLists(ctx, cfg); err != nil {
		return err
	}
	s.events = event.New(event.Config{
		Store:       eventstore.New(s.store, s.log),
		Users:       s.users,
		Layer:       s.layer,
		Wire:        uac.Over(s.transport),
		Resolver:    s.resolver,
		Permit:      s.peers.Permit,
		Chosen:      s.peers.Chosen,
		GRUU:        s.deviceOf,
		Reach:       s.reach,
		Demand:      s.gate.Demand,
		Known:       func(user rtc.AOR) bool { _, ok := s.directory.User(user); return ok },
		Stands:      s.stands,
		Lists:       s.lists,
		Shape:       s.phones.ShapeNotice,
		Key:         s.key,
		Total:       cfg.Events.Subscriptions,
		PerUser:     cfg.Events.PerUser,
		PerResource: cfg.Events.PerResource,
		PerList:     cfg.Events.PerList,
		UnderWay:    cfg.Events.UnderWay,
		Log:         s.log,
	})
	s.events.Add(reginfo.Package(s.events, s.location))
	s.events.Add(xcapdiff.Package(s.events, s.contacts, documentRoot(cfg)))
	return nil
}

// restoreSubscriptions goes on with the subscriptions of before the restart.
func (s *Server) restoreSubscriptions(ctx context.Context, _ *config.Config) error {
	n, err := s.events.Restore(ctx, s.transport.ParseFlow)
	if n > 0 {
		s.log.Info("subscriptions restored", "subscriptions", n)
	}
	return err
}

// stands is why a user may not go on watching what he has subscribed to, "" when he may.
func (s *Server) stands(user rtc.AOR, secret int64) (reason string) {
	switch s.directory.Standing(user, secret) {
	case directory.ShutOut:
		return "rejected"
	case directory.Outdated:
		return "deactivated" // he subscribes again, by the secret that counts
	case directory.Nobody:
		if secret != 0 {
			return "rejected"
		} // else it is nobody of ours, for whom a peer or a listener vouches
	}
	return ""
}

// followUser has subscriptions and publications follow the change of a user, whoever
// makes it; now is nil when he was deleted.
func (s *Server) followUser(before, now *directory.Account) {
	user := before.AOR
	if now == nil {
		s.events.EndAbout(user, "noresource")
		s.events.EndOf(user, "rejected")
		return // the rest is forgotten with him
	}
	if !now.Enabled {
		s.presence.Unpublish(user)
	}
	if before.Enabled != now.Enabled {
		s.presence.Changed(user)
	}
	if !now.Enabled || !slices.EqualFunc(before.Secrets, now.Secrets, func(a, b *directory.Secret) bool { return a.Identity == b.Identity }) {
		s.events.Recheck(user)
	}
	if !slices.Equal(before.Groups, now.Groups) || !slices.Equal(before.Aliases, now.Aliases) { // rules of others are for these
		s.events.ReauthoriseOf(user)
	}
}

// deviceOf finds whose device a GRUU of ours names.
func (s *Server) deviceOf(u sip.URI) (rtc.AOR, string, bool) {
	if aor, instance, ok := s.gruu.Temp(s.location, u); ok {
		return aor, instance, true
	}
	gr, ok := u.Param("gr")
	if !ok || len(gr) == 0 || !s.directory.Domain(u.Host) {
		return "", "", false
	}
	user, ok := s.directory.Resolve(rtc.AOR(u.AppendAOR(nil)))
	return user.AOR, string(sip.AppendUnescaped(nil, gr)), ok
}

func (s *Server) eventMetrics(m meter) {
	st := s.events.Stats()
	m.gauge("subscriptions", "Subscriptions held", float64(s.events.Active()))
	m.counter("subscriptions_begun_total", "Subscriptions that began", st.Subscribed)
	m.counter("subscriptions_refreshed_total", "Refreshes of subscriptions", st.Refreshed)
	m.counter("subscriptions_lost_total", "Subscriptions whose subscriber did not answer or knew nothing of them", st.Lost)
	m.counter("notifies_total", "NOTIFYs sent", st.Notified)
	m.counter("notifies_suppressed_total", "NOTIFYs not sent because the subscriber has the document", st.Suppressed)
}

// Events is the notifier.
func (s *Server) Events() *event.Notifier { return s.events }
