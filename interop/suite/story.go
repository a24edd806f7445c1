package suite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/boot"
	"tandem/interop/device"
	"tandem/interop/story"
)

// What is told of one device alone, before and between the stories of two.
var (
	registers = story.Story{Name: "register", Does: "Starts and registers.", Server: "Challenges it, takes its credentials and names its contact as it wrote it."}
	waits     = story.Story{Name: "waiting", Does: "Subscribes to its messages, and one comes.", Server: "Tells it now, and when one comes.", Source: "RFC 3842"}
	features  = story.Story{Name: "features", Does: "Subscribes to as-feature-event, and its user does not want to be disturbed.", Server: "Tells it what is set, takes what it sets, and refuses calls then.",
		Source: "BroadSoft BD5196-00, as public projects quote it"}
	again = story.Story{Name: "reboot-registered", Does: "Is registered, starts again at another port, and is called.", Server: "Takes the new registration beside the old one, and reaches it.", Source: "RFC 3261 §10"}
)

// tales are all stories in the order of reports.
func tales() []story.Story {
	i := slices.IndexFunc(story.All, func(s story.Story) bool { return s.Name == "reboot" })
	return slices.Concat([]story.Story{registers}, story.All[:i], []story.Story{waits, features}, story.All[i:], []story.Story{again})
}

// everywhere are the stories that are told over every transport a device uses.
var everywhere = []string{"register", "call-out", "call-in", "busy", "give-up"}

// fits says whether a device tells a story.
func fits(d *device.Dialect, tells string) bool {
	switch tells {
	case "register":
		return isPhone(d) || d.Registers
	case "reboot-registered":
		return d.Registers
	case "waiting":
		return isPhone(d)
	case "transfer", "transfer-refused":
		return isPhone(d) || d.Refers
	case "features":
		return d.Features
	case "fax", "fax-switch":
		return isGateway(d)
	case "keys":
		return d.Events()
	case "hold":
		return d.Hold != ""
	}
	return true
}

// asPhone says whether a gateway that tells a story has an account as a phone has.
func asPhone(tells string) bool { return tells == registers.Name || tells == again.Name }

// waitsFor is what a server needs for a story.
func waitsFor(tells string) behaviour.Feature {
	switch tells {
	case "register":
		return ""
	case "waiting":
		return behaviour.Messages
	case "features":
		return behaviour.Provisioning
	case "keys":
		return behaviour.Media
	}
	return behaviour.Calls
}

// stories are the rows of all devices: each tells every story that fits it, over the
// transports it uses, and how it boots from files where it does.
func stories() ([]*behaviour.Behaviour, error) {
	dialects, err := device.Dialects()
	if err != nil {
		return nil, err
	}
	var rows []*behaviour.Behaviour
	for _, d := range dialects[1:] { // plain is the other side
		for _, t := range tales() {
			if fits(d, t.Name) {
				rows = append(rows, told(d, t))
			}
		}
		for _, p := range boot.Phones() {
			if p.Dialect == d.Name {
				row := storyOf(d, story.Story{Name: "boot", Does: "Fetches its files and registers with what they hold; what is told to start again by NOTIFY is, and does.",
					Server: "Gives it its files, takes the password they hold, and tells it in the words of its family."})
				row.WaitsFor = behaviour.Provisioning
				row.Run = []behaviour.Case{bootStory(p.Family)}
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

// told is the row of a device and a story.
func told(d *device.Dialect, t story.Story) *behaviour.Behaviour {
	row := storyOf(d, t)
	who := "gateway"
	if isPhone(d) || asPhone(t.Name) {
		who = "phone"
	}
	for _, over := range d.Over {
		row.Run = append(row.Run, behaviour.Case{Name: over, Over: map[string]string{who: over}, Story: &behaviour.Story{Device: d.Name, Tells: t.Name}})
		if !slices.Contains(everywhere, t.Name) {
			break
		}
	}
	return row
}

// PlayerStories are the rows of telephones that somebody else made.
func PlayerStories(players []Player) (rows []*behaviour.Behaviour) {
	family := &behaviour.Family{Name: "programs", Title: "Real programs and libraries", Role: behaviour.Phone}
	for _, p := range players {
		for _, t := range story.All {
			if strings.HasPrefix(t.Name, "fax") || t.Name == "transfer-refused" {
				continue // gateways do the one, and no program says why a transfer failed
			}
			rows = append(rows, &behaviour.Behaviour{ID: "story-" + p.Name + "-" + t.Name, Does: p.Title + ". " + t.Does, Server: t.Server, WaitsFor: waitsFor(t.Name),
				Evidence: []behaviour.Evidence{behaviour.Itself}, Source: []string{t.Source}, Family: family,
				Run: []behaviour.Case{{Story: &behaviour.Story{Device: p.Name, Tells: t.Name}}}})
		}
	}
	return rows
}

func storyOf(d *device.Dialect, t story.Story) *behaviour.Behaviour {
	b := &behaviour.Behaviour{ID: "story-" + d.Name + "-" + t.Name, Does: d.Title + ". " + t.Does, Server: t.Server, WaitsFor: waitsFor(t.Name), Evidence: d.Evidence,
		Source: []string{"the rows of the family " + d.Family}, Family: &behaviour.Family{Name: d.Family, Title: d.Title, Role: d.Role}}
	if t.Source != "" {
		b.Source = append(b.Source, t.Source)
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

// story plays a whole device, or a player, against a plain device at the other side of
// the server.
func (b *bench) story(ctx context.Context, s *behaviour.Story) error {
	if p, ok := b.target.player(s.Device); ok {
		t, _ := story.Find(s.Tells)
		c, end, err := b.starring(ctx, p, t.Third)
		if err != nil {
			return err
		}
		defer end()
		return t.Play(ctx, c, storyPatience)
	}
	hero, err := device.Find(s.Device)
	if err != nil {
		return err
	}
	switch s.Tells {
	case registers.Name:
		_, err := b.phone(ctx, "phone", hero)
		return err
	case waits.Name:
		return b.waiting(ctx, hero)
	case features.Name:
		return b.features(ctx, hero)
	}
	t, ok := story.Find(strings.TrimSuffix(s.Tells, "-registered"))
	if !ok {
		return fmt.Errorf("no story tells %q", s.Tells)
	}
	c, err := b.cast(ctx, hero, t.Third, asPhone(s.Tells))
	if err != nil {
		return err
	}
	return t.Play(ctx, c, storyPatience)
}

// storyPatience is how long a story may take on a busy machine.
const storyPatience = 40 * time.Second
