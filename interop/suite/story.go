package suite

import (
	"context"
	"fmt"
	"slices"

	"tandem/interop/behaviour"
	"tandem/interop/boot"
	"tandem/interop/device"
)

// tale is one story, with what it means.
type tale struct {
	name, does, server string
	waits              behaviour.Feature // "": every registrar can
	fits               func(*device.Dialect) bool
	play               func(*bench, context.Context, cast) error
}

func always(*device.Dialect) bool      { return true }
func isPhone(d *device.Dialect) bool   { return d.Role == behaviour.Phone }
func isGateway(d *device.Dialect) bool { return d.Role != behaviour.Phone }
func canHold(d *device.Dialect) bool   { return d.Hold != "" }

// tales are all stories. Those after the fifth are told over one transport.
var tales = []tale{
	{"register", "Starts and registers.", "Challenges it, takes its credentials and names its contact as it wrote it.", "", isPhone, nil},
	{"call-out", "Calls, talks and hangs up.", "Leads the call, passes the sound both ways, and tells the other side of the end.", behaviour.Calls, always, (*bench).callOut},
	{"call-in", "Is called, rings, answers, talks, and the other side hangs up.", "Leads the call, passes the sound both ways, and tells the device of the end.", behaviour.Calls, always, (*bench).callIn},
	{"busy", "Is called and answers that it is busy.", "Tells the caller so.", behaviour.Calls, always, (*bench).busy},
	{"give-up", "Calls and gives up while it rings.", "Cancels the call at the other side, and answers 487.", behaviour.Calls, always, (*bench).giveUp},
	{"keys", "Calls, and a key is pressed at either side.", "Passes each key once, as telephone-event with the number that side has given.", behaviour.Media, (*device.Dialect).Events, (*bench).keys},
	{"hold", "Calls, puts the other side on hold, and takes it back.", "Tells the other side, which is not heard meanwhile, and passes the sound again afterwards.", behaviour.Calls, canHold, (*bench).hold},
	{"held", "Calls, is put on hold, and taken back.", "Tells it so, and passes the sound again afterwards.", behaviour.Calls, always, (*bench).held},
	{"transfer", "Calls, and sends the other side on to a third.", "Answers 202, reports how it went, ends the call, and connects the two.", behaviour.Calls, isPhone, (*bench).transfer},
	{"fax", "Calls, and wants to go on as a fax by T.38, which the other side refuses.", "Passes the refusal, and the sound goes on.", behaviour.Calls, isGateway, (*bench).fax},
	{"failure", "Calls where nobody answers, and is refused when it is called.", "Tells the caller what the called side said.", behaviour.Calls, always, (*bench).failure},
	{"waiting", "Subscribes to its messages, and one comes.", "Tells it now, and when one comes.", behaviour.Messages, isPhone, nil},
	{"reboot", "Starts again at another port, and is called.", "Takes the new registration beside the old one, and reaches it.", behaviour.Calls, isPhone, (*bench).reboot},
}

// overAll is how many of the tales are told over every transport.
const overAll = 5

// Stories are the rows of all devices: each tells every story that fits it, over the
// transports it uses, and how it boots from files where it does.
func Stories() ([]*behaviour.Behaviour, error) {
	dialects, err := device.Dialects()
	if err != nil {
		return nil, err
	}
	var rows []*behaviour.Behaviour
	for _, d := range dialects[1:] { // plain is the other side
		for i, t := range tales {
			if !t.fits(d) {
				continue
			}
			row := storyOf(d, t.name, t.does, t.server, t.waits)
			for _, over := range d.Over {
				c := behaviour.Case{Name: over, Over: map[string]string{"phone": over}, Story: &behaviour.Story{Device: d.Name, Tells: t.name}}
				if isGateway(d) {
					c.Over = nil // gateways are played over UDP
				}
				if row.Run = append(row.Run, c); i >= overAll || isGateway(d) {
					break
				}
			}
			rows = append(rows, row)
		}
		for _, p := range boot.Phones() {
			if p.Dialect == d.Name {
				row := storyOf(d, "boot", "Fetches its files and registers with what they hold; what is told to start again by NOTIFY is, and does.",
					"Gives it its files, takes the password they hold, and tells it in the words of its family.", behaviour.Provisioning)
				row.Run = []behaviour.Case{bootStory(p.Family)}
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

func storyOf(d *device.Dialect, tells, does, server string, waits behaviour.Feature) *behaviour.Behaviour {
	b := &behaviour.Behaviour{ID: "story-" + d.Name + "-" + tells, Does: d.Title + ". " + does, Server: server, WaitsFor: waits, Evidence: d.Evidence,
		Source: []string{"the rows of the family " + d.Family}, Family: &behaviour.Family{Name: d.Family, Title: d.Title, Role: d.Role}}
	for _, t := range []struct{ tells, source string }{{"hold", "RFC 3264 §8.4 where they do not say how it holds"}, {"transfer", "RFC 3515"}, {"waiting", "RFC 3842"},
		{"keys", "RFC 4733"}, {"fax", "ITU-T T.38 annex D"}, {"failure", "RFC 3261 §16.7"}} {
		if t.tells == tells {
			b.Source = append(b.Source, t.source)
		}
	}
	return b
}

// bootStory is a phone from the box to its second start.
func bootStory(family string) behaviour.Case {
	phone, again := "phone", "reboot"
	if family == "patton" {
		again = "resync" // it knows no other
	}
	steps := []behaviour.Step{
		{Who: behaviour.Operator, Operate: &behaviour.Operate{Do: "POST /phones", Body: `{"mac":"{mac}","family":"` + family + `","lines":[{"user":"{user}"}]}`, Undo: "DELETE /phones/{mac}"}},
		{Who: phone, Boot: family},
		{Who: "gateway", Send: &behaviour.Request{Method: "OPTIONS", URI: "sip:{user}@{domain}"}},
		{Who: phone, Wait: &behaviour.Wait{Method: "OPTIONS"}},
		{Who: phone, Answer: &behaviour.Answer{Code: 200}},
		{Who: "gateway", Wait: &behaviour.Wait{Code: "200"}},
	}
	if family == "unify" { // it is told over HTTP, at a port that is not played
		return behaviour.Case{Steps: steps}
	}
	return behaviour.Case{Steps: append(steps,
		behaviour.Step{Who: behaviour.Operator, Operate: &behaviour.Operate{Do: "POST /phones/{mac}/" + again, Beside: true}},
		behaviour.Step{Who: phone, Wait: &behaviour.Wait{Method: "NOTIFY"}},
		behaviour.Step{Who: phone, Answer: &behaviour.Answer{Code: 200}},
		behaviour.Step{Who: phone, Boot: family},
	)}
}

// story plays a whole device against a plain one at the other side of the server.
func (b *bench) story(ctx context.Context, s *behaviour.Story) error {
	i := slices.IndexFunc(tales, func(t tale) bool { return t.name == s.Tells })
	if i < 0 {
		return fmt.Errorf("no story tells %q", s.Tells)
	}
	hero, err := device.Find(s.Device)
	if err != nil {
		return err
	}
	switch {
	case s.Tells == "register":
		_, err := b.phone(ctx, "phone", hero)
		return err
	case s.Tells == "waiting":
		return b.waiting(ctx, hero)
	}
	c, err := b.cast(ctx, hero)
	if err != nil {
		return err
	}
	return tales[i].play(b, ctx, c)
}
