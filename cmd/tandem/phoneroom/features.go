package phoneroom

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

// showFeatures adds the event package, and tells phones what others changed.
func (r *Room) showFeatures() {
	r.rooms.Events.Add(r.Features.Package())
	r.rooms.Settings.Watch(func(user rtc.AOR) {
		r.rooms.Events.Changed(user, features.Name)
		for _, mac := range r.Inventory.Of(user) {
			r.tellFeatures(mac)
		}
	})
	r.c.Location.Watch(r.greetPhones)
}

// greeting is how long after its registration a phone is told what it does not
// subscribe to: it has the answer to its REGISTER by then.
const greeting = 500 * time.Millisecond

// greetPhones notes phones that register, and tells those that have registered anew
// what they do not subscribe to.
func (r *Room) greetPhones(user rtc.AOR, old, now []location.Binding, _ location.Cause) {
	for i := range now {
		mac, line, ok := sipphone.ParseDevice(now[i].Device)
		at := slices.IndexFunc(old, func(b location.Binding) bool { return b.Device == now[i].Device && b.CallID == now[i].CallID })
		if !ok || at >= 0 && old[at].CSeq == now[i].CSeq {
			continue
		}
		r.notePhone(mac, &now[i])
		if at >= 0 {
			continue
		}
		time.AfterFunc(greeting, func() {
			r.tellFeatures(mac)
			if c := r.Waiting.Of(user); c != (waiting.Counts{}) {
				r.pushTo(mac, line-1, user, c)
			}
		})
	}
}

// maxAgent bounds what is kept of a User-Agent, in octets.
const maxAgent = 160

// notePhone notes model and firmware of a phone as its User-Agent tells them.
func (r *Room) notePhone(mac sipphone.MAC, b *location.Binding) {
	phone, err := r.Inventory.Get(mac)
	if err != nil {
		return
	}
	var is family.Agent
	if f := r.families.Load().Family(phone.Family); f != nil {
		is, _ = f.SIPAgent(b.UserAgent)
	}
	agent := strings.ToValidUTF8(b.UserAgent[:min(len(b.UserAgent), maxAgent)], "")
	r.Inventory.Registered(mac, agent, is, b.Flow.Remote.Addr().Unmap().String())
}

// tellFeatures tells a phone that reads them in Cisco's documents the settings of its
// lines.
func (r *Room) tellFeatures(mac sipphone.MAC) {
	phone, err := r.Inventory.Get(mac)
	if err != nil || r.output.Load().Of(phone.Family).Features != output.RemoteCC {
		return
	}
	var lines []features.CiscoLine
	for _, l := range phone.Lines {
		c := r.Waiting.Of(l.User)
		lines = append(lines, features.CiscoLine{State: phoneSettings{r}.Of(l.User), New: c.New, Old: c.Old})
	}
	mediaType, body := features.Cisco(lines)
	r.notifier.Refer(&phone, mediaType, body)
}

// phoneSettings are the call settings as phones see them.
type phoneSettings struct{ r *Room }

// ring is how long phones ring once, as they count it.
const ring = 6 * time.Second

// Of implements features.Settings.
func (p phoneSettings) Of(user rtc.AOR) features.State {
	u := p.r.rooms.Settings.Of(user)
	return features.State{DoNotDisturb: u.DoNotDisturb, Rings: int(u.RingTime / ring),
		To: map[features.Forward]string{features.Always: u.Always, features.Busy: u.Busy, features.NoAnswer: u.NoAnswer}}
}

// Set implements features.Settings.
func (p phoneSettings) Set(ctx context.Context, user rtc.AOR, c features.Change) error {
	_, err := p.r.rooms.Settings.Change(ctx, user, func(u *settings.User) error {
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

// PlugAndPlay answers phones that look for a server. It stands before the gate.
func (r *Room) PlugAndPlay(cfg *config.Config) (rtc.Handler, error) {
	networks, err := config.Prefixes(cfg.Phones.Networks)
	if err != nil {
		return nil, err
	}
	return pnp.New(pnp.Config{
		Send: func(o uac.Outside, done func(uac.Reply)) error { return r.rooms.Send(o, done) },
		URL:  r.filesURL, Networks: networks, Domain: cfg.Domains[0], Log: r.c.Log,
	}), nil
}

// Errands answers what phones ask that cannot answer a challenge. It stands before
// the gate.
func Errands(cfg *config.Config) (rtc.Handler, error) {
	networks, err := config.Prefixes(cfg.Phones.Networks)
	return features.Errands{Networks: networks}, err
}

// filesURL is where a phone of a maker asks for its files.
func (r *Room) filesURL(vendor string, mac sipphone.MAC) string {
	url := r.place.Load().URL
	if strings.EqualFold(vendor, "snom") {
		return url + mac.Upper() + ".xml"
	}
	return url
}
