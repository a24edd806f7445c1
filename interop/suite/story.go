package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tandem/interop/behaviour"
	"tandem/interop/device"
)

// tales are the stories, with what they mean.
var tales = []struct{ name, does, server string }{
	{"register", "Starts and registers.", "Challenges it, takes its credentials and names its contact as it wrote it."},
	{"call-out", "Calls, talks and hangs up.", "Leads the call, passes the sound both ways, and tells the other side of the end."},
	{"call-in", "Is called, rings, answers, talks, and the other side hangs up.", "Leads the call, passes the sound both ways, and tells the device of the end."},
	{"busy", "Is called and answers that it is busy.", "Tells the caller so."},
	{"give-up", "Calls and gives up while it rings.", "Cancels the call at the other side, and answers 487."},
}

// Stories are the rows of all devices: each tells every story that fits its
// role, over every transport it uses.
func Stories() ([]*behaviour.Behaviour, error) {
	dialects, err := device.Dialects()
	if err != nil {
		return nil, err
	}
	var rows []*behaviour.Behaviour
	for _, d := range dialects[1:] { // plain is the other side
		for _, t := range tales {
			if t.name == "register" && d.Role != behaviour.Phone {
				continue
			}
			row := &behaviour.Behaviour{ID: "story-" + d.Name + "-" + t.name, Does: d.Title + ". " + t.does, Server: t.server,
				Evidence: d.Evidence, Source: []string{"the rows of the family " + d.Family}, Family: &behaviour.Family{Name: d.Family, Title: d.Title, Role: d.Role}}
			for _, over := range d.Over {
				row.Run = append(row.Run, behaviour.Case{Name: over, Over: map[string]string{"phone": over}, Story: &behaviour.Story{Device: d.Name, Tells: t.name}})
				if d.Role != behaviour.Phone {
					row.Run[0].Over = nil // gateways are played over UDP
					break
				}
			}
			if t.name != "register" {
				row.WaitsFor = behaviour.Calls
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// The tones of the two sides, Hz.
const (
	callerTone = 700
	calleeTone = 440
)

// cast are the two devices of a story: the one it is about and the other.
type cast struct {
	hero, other     *device.Device
	toHero, toOther string // what each is called
}

// story plays a whole device against a plain one at the other side of the server.
func (b *bench) story(ctx context.Context, s *behaviour.Story) error {
	c, err := b.cast(ctx, s)
	if err != nil || s.Tells == "register" {
		return err
	}
	switch s.Tells {
	case "call-out":
		return b.conversation(ctx, c.hero, c.other, c.toOther)
	case "call-in":
		return b.conversation(ctx, c.other, c.hero, c.toHero)
	case "busy":
		return together(
			func() error {
				_, err := c.other.Dial(ctx, c.toHero)
				if !errors.Is(err, device.ErrRefused) || !strings.Contains(err.Error(), " 486 ") {
					return fmt.Errorf("the caller should be told 486: %v", err)
				}
				return nil
			},
			func() error {
				call, err := c.hero.Incoming(ctx)
				if err != nil {
					return err
				}
				return call.Refuse(ctx, 486, "Busy Here")
			})
	case "give-up":
		return together(
			func() error { return c.hero.GiveUp(ctx, c.toOther) },
			func() error {
				call, err := c.other.Incoming(ctx)
				if err == nil {
					err = call.Ring()
				}
				if err != nil {
					return err
				}
				return call.GivenUp(ctx)
			})
	}
	return fmt.Errorf("no story tells %q", s.Tells)
}

// cast starts the devices: phones register.
func (b *bench) cast(ctx context.Context, s *behaviour.Story) (c cast, err error) {
	hero, err := device.Find(s.Device)
	if err != nil {
		return c, err
	}
	plain, err := device.Find("plain")
	if err != nil {
		return c, err
	}
	phoneWords, gatewayWords := hero, plain
	if hero.Role != behaviour.Phone {
		phoneWords, gatewayWords = plain, hero
	}
	p, err := b.actor(ctx, "phone")
	if err != nil {
		return c, err
	}
	account := b.accounts["phone"]
	phone := device.New(phoneWords, p.Endpoint, device.Identity{User: account.User, Password: account.Password, Domain: b.target.Domain}, b.target.patience())
	if err := phone.Register(ctx); err != nil || s.Tells == "register" {
		return c, err
	}
	g, err := b.actor(ctx, "gateway")
	if err != nil {
		return c, err
	}
	gateway := device.New(gatewayWords, g.Endpoint, device.Identity{User: "36602", Domain: g.Local.Addr().String()}, b.target.patience())
	toPhone, toGateway := "sip:"+account.User+"@"+b.target.Domain, "sip:"+b.gateway.Number+"@"+b.target.Domain
	if hero.Role == behaviour.Phone {
		return cast{phone, gateway, toPhone, toGateway}, nil
	}
	return cast{gateway, phone, toGateway, toPhone}, nil
}

// conversation is a whole call: both sides hear each other, and the caller
// hangs up.
func (b *bench) conversation(ctx context.Context, caller, callee *device.Device, uri string) error {
	return together(
		func() error {
			call, err := caller.Dial(ctx, uri)
			if err != nil {
				return fmt.Errorf("the caller: %w", err)
			}
			defer call.Close()
			err = hears(ctx, "the caller", call, callerTone, calleeTone)
			return errors.Join(err, call.HangUp(ctx)) // also a call that failed is ended
		},
		func() error {
			call, err := callee.Incoming(ctx)
			if err == nil {
				err = call.Ring()
			}
			if err == nil {
				err = call.Answer(ctx)
			}
			if err != nil {
				return fmt.Errorf("the called: %w", err)
			}
			defer call.Close()
			err = hears(ctx, "the called", call, calleeTone, callerTone)
			return errors.Join(err, call.HungUp(ctx))
		})
}

// hears has one side talk and judges what it heard.
func hears(ctx context.Context, who string, call *device.Call, says, want float64) error {
	h, err := call.Talk(ctx, says)
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	if !h.Is(want) {
		return fmt.Errorf("%s should hear %.0f Hz and heard %s", who, want, h)
	}
	return nil
}

// together does things at the same time and joins their errors.
func together(things ...func() error) error {
	errs := make([]error, len(things))
	var wg sync.WaitGroup
	for i, f := range things {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(slices.DeleteFunc(errs, func(e error) bool { return e == nil })...)
}
