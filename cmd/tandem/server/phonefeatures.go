package server

import (
	"context"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/uac"
	"tandem/sipphone"
	"tandem/sipphone/features"
	"tandem/sipphone/pnp"
	"tandem/telephony/settings"
)

// openFeatures has phones learn and change do-not-disturb and forwarding. It
// stands before the notifier, which answers the SUBSCRIBE when the change is made.
func (s *Server) openFeatures(context.Context, *Config) error {
	s.features = features.New(phoneSettings{s}, users{s.directory, s}.Resolve)
	return nil
}

// showFeatures adds the event package, and tells phones what others changed.
func (s *Server) showFeatures() {
	s.events.Add(s.features.Package())
	s.settings.Watch(func(user rtc.AOR) { s.events.Changed(user, features.Name) })
}

// phoneSettings are the call settings as phones see them.
type phoneSettings struct{ s *Server }

// ring is how long phones ring once, as they count it.
const ring = 6 * time.Second

// Of implements features.Settings.
func (p phoneSettings) Of(user rtc.AOR) features.State {
	u := p.s.settings.Of(user)
	return features.State{DoNotDisturb: u.DoNotDisturb, Rings: int(u.RingTime / ring),
		To: map[features.Forward]string{features.Always: u.Always, features.Busy: u.Busy, features.NoAnswer: u.NoAnswer}}
}

// Set implements features.Settings.
func (p phoneSettings) Set(ctx context.Context, user rtc.AOR, c features.Change) error {
	_, err := p.s.settings.Change(ctx, user, func(u *settings.User) error {
		if c.DoNotDisturb != nil {
			u.DoNotDisturb = *c.DoNotDisturb
			return nil
		}
		to := map[features.Forward]*string{features.Always: &u.Always, features.Busy: &u.Busy, features.NoAnswer: &u.NoAnswer}[c.Forward]
		switch {
		case !c.On:
			*to = ""
		case c.To != "":
			*to = c.To
		}
		if c.Rings > 0 && c.Forward == features.NoAnswer {
			u.RingTime = time.Duration(c.Rings) * ring
		}
		return nil
	})
	return err
}

// plugAndPlay answers phones that look for a server. It stands before the gate.
func (s *Server) plugAndPlay(cfg *Config) (rtc.Handler, error) {
	networks, err := prefixes(cfg.Phones.Networks)
	if err != nil {
		return nil, err
	}
	return pnp.New(pnp.Config{
		Send: func(o uac.Outside, done func(uac.Reply)) error { return s.exchange.Send(o, done) },
		URL:  s.filesURL, Networks: networks, Domain: cfg.Domains[0], Log: s.log,
	}), nil
}

// filesURL is where a phone of a maker asks for its files.
func (s *Server) filesURL(vendor string, mac sipphone.MAC) string {
	url := s.phones.place.Load().URL
	if strings.EqualFold(vendor, "snom") {
		return url + mac.Upper() + ".xml"
	}
	return url
}
