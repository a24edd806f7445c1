package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/uac"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/features"
	"tandem/sipphone/output"
	"tandem/sipphone/pnp"
	"tandem/sipphone/waiting"
	"tandem/telephony/settings"
)

// openFeatures has phones learn and change do-not-disturb and forwarding. It
// stands before the notifier, which answers the SUBSCRIBE when the change is made.
func (s *Server) openFeatures(context.Context, *config.Config) error {
	s.features = features.New(phoneSettings{s}, users{s.directory, s}.Resolve, func(device string) bool {
		policy, ok := s.policyOf(device)
		return ok && policy.Features == output.RemoteCC
	})
	return nil
}

// showFeatures adds the event package, and tells phones what others changed.
func (s *Server) showFeatures() {
	s.events.Add(s.features.Package())
	s.settings.Watch(func(user rtc.AOR) {
		s.events.Changed(user, features.Name)
		for _, mac := range s.phones.inventory.Of(user) {
			s.tellFeatures(mac)
		}
	})
	s.location.Watch(s.greetPhones)
}

// greeting is how long after its registration a phone is told what it does not
// subscribe to: it has the answer to its REGISTER by then.
const greeting = 500 * time.Millisecond

// greetPhones notes phones that register, and tells those that have registered anew
// what they do not subscribe to.
func (s *Server) greetPhones(user rtc.AOR, old, now []location.Binding) {
	for i := range now {
		mac, line, ok := sipphone.ParseDevice(now[i].Device)
		at := slices.IndexFunc(old, func(b location.Binding) bool { return b.Device == now[i].Device && b.CallID == now[i].CallID })
		if !ok || at >= 0 && old[at].CSeq == now[i].CSeq {
			continue
		}
		s.notePhone(mac, &now[i])
		if at >= 0 {
			continue
		}
		time.AfterFunc(greeting, func() {
			s.tellFeatures(mac)
			if c := s.phones.waiting.Of(user); c != (waiting.Counts{}) {
				s.pushTo(mac, line-1, user, c)
			}
		})
	}
}

// maxAgent bounds what is kept of a User-Agent, in octets.
const maxAgent = 160

// notePhone notes model and firmware of a phone as its User-Agent tells them.
func (s *Server) notePhone(mac sipphone.MAC, b *location.Binding) {
	phone, err := s.phones.inventory.Get(mac)
	if err != nil {
		return
	}
	var is family.Agent
	if f := s.phones.families.Load().Family(phone.Family); f != nil {
		is, _ = f.SIPAgent(b.UserAgent)
	}
	agent := strings.ToValidUTF8(b.UserAgent[:min(len(b.UserAgent), maxAgent)], "")
	s.phones.inventory.Registered(mac, agent, is, b.Flow.Remote.Addr().Unmap().String())
}

// tellFeatures tells a phone that reads them in Cisco's documents the settings of its
// lines.
func (s *Server) tellFeatures(mac sipphone.MAC) {
	phone, err := s.phones.inventory.Get(mac)
	if err != nil || s.phones.output.Load().Of(phone.Family).Features != output.RemoteCC {
		return
	}
	var lines []features.CiscoLine
	for _, l := range phone.Lines {
		c := s.phones.waiting.Of(l.User)
		lines = append(lines, features.CiscoLine{State: phoneSettings{s}.Of(l.User), New: c.New, Old: c.Old})
	}
	mediaType, body := features.Cisco(lines)
	s.phones.notifier.Refer(&phone, mediaType, body)
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
func (s *Server) plugAndPlay(cfg *config.Config) (rtc.Handler, error) {
	networks, err := config.Prefixes(cfg.Phones.Networks)
	if err != nil {
		return nil, err
	}
	return pnp.New(pnp.Config{
		Send: func(o uac.Outside, done func(uac.Reply)) error { return s.exchange.Send(o, done) },
		URL:  s.filesURL, Networks: networks, Domain: cfg.Domains[0], Log: s.log,
	}), nil
}

// phoneErrands answers what phones ask that cannot answer a challenge. It stands before
// the gate.
func phoneErrands(cfg *config.Config) (rtc.Handler, error) {
	networks, err := config.Prefixes(cfg.Phones.Networks)
	return features.Errands{Networks: networks}, err
}

// filesURL is where a phone of a maker asks for its files.
func (s *Server) filesURL(vendor string, mac sipphone.MAC) string {
	url := s.phones.place.Load().URL
	if strings.EqualFold(vendor, "snom") {
		return url + mac.Upper() + ".xml"
	}
	return url
}
