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
	"tandem/interop/wire"
)

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

// phone starts a phone, which registers.
func (b *bench) phone(ctx context.Context, who string, words *device.Dialect) (*device.Device, error) {
	p, err := b.actor(ctx, who)
	if err != nil {
		return nil, err
	}
	account := b.accounts[who]
	v := device.New(words, p.Endpoint, device.Identity{User: account.User, Password: account.Password, Domain: b.target.Domain}, b.target.patience())
	return v, v.Register(ctx)
}

// uri is what a device is called.
func (b *bench) uri(who string) string {
	if who == "gateway" {
		return "sip:" + b.gateway.Number + "@" + b.target.Domain
	}
	return "sip:" + b.accounts[who].User + "@" + b.target.Domain
}

// cast starts the devices: phones register.
func (b *bench) cast(ctx context.Context, hero *device.Dialect) (c cast, err error) {
	plain, err := device.Find("plain")
	if err != nil {
		return c, err
	}
	phoneWords, gatewayWords := hero, plain
	if isGateway(hero) {
		phoneWords, gatewayWords = plain, hero
	}
	phone, err := b.phone(ctx, "phone", phoneWords)
	if err != nil {
		return c, err
	}
	g, err := b.actor(ctx, "gateway")
	if err != nil {
		return c, err
	}
	gateway := device.New(gatewayWords, g.Endpoint, device.Identity{User: "36602", Domain: g.Local.Addr().String()}, b.target.patience())
	if isPhone(hero) {
		return cast{phone, gateway, b.uri("phone"), b.uri("gateway")}, nil
	}
	return cast{gateway, phone, b.uri("gateway"), b.uri("phone")}, nil
}

func (b *bench) callOut(ctx context.Context, c cast) error {
	return conversation(ctx, c.hero, c.other, c.toOther)
}
func (b *bench) callIn(ctx context.Context, c cast) error {
	return conversation(ctx, c.other, c.hero, c.toHero)
}

// busy has the hero be called while it is busy.
func (b *bench) busy(ctx context.Context, c cast) error {
	return refused(ctx, c.other, c.hero, c.toHero, 486, "Busy Here")
}

// failure has both sides be refused, each by what the other one says.
func (b *bench) failure(ctx context.Context, c cast) error {
	if err := refused(ctx, c.hero, c.other, c.toOther, 480, "Temporarily Unavailable"); err != nil {
		return err
	}
	return refused(ctx, c.other, c.hero, c.toHero, 404, "Not Found")
}

// refused has one side call and the other one refuse; the caller must be told how.
func refused(ctx context.Context, caller, callee *device.Device, uri string, code int, reason string) error {
	return together(
		func() error {
			_, err := caller.Dial(ctx, uri)
			if !errors.Is(err, device.ErrRefused) || !strings.Contains(err.Error(), fmt.Sprintf(" %d ", code)) {
				return fmt.Errorf("the caller should be told %d: %v", code, err)
			}
			return nil
		},
		func() error {
			call, err := callee.Incoming(ctx)
			if err != nil {
				return err
			}
			return call.Refuse(ctx, code, reason)
		})
}

// giveUp has the hero call and cancel while it rings.
func (b *bench) giveUp(ctx context.Context, c cast) error {
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

// connect has one side call and the other one answer.
func connect(ctx context.Context, caller, callee *device.Device, uri string) (from, to *device.Call, err error) {
	err = together(
		func() (err error) {
			if from, err = caller.Dial(ctx, uri); err != nil {
				err = fmt.Errorf("the caller: %w", err)
			}
			return err
		},
		func() (err error) {
			if to, err = callee.Incoming(ctx); err == nil {
				err = to.Ring()
			}
			if err == nil {
				err = to.Answer(ctx)
			}
			if err != nil {
				err = fmt.Errorf("the called: %w", err)
			}
			return err
		})
	if err != nil {
		for _, c := range []*device.Call{from, to} {
			if c != nil {
				c.Close()
			}
		}
	}
	return from, to, err
}

// during plays something in a call, which the caller ends then. What failed is ended
// as well.
func during(ctx context.Context, caller, callee *device.Device, uri string, play func(from, to *device.Call) error) error {
	from, to, err := connect(ctx, caller, callee, uri)
	if err != nil {
		return err
	}
	defer from.Close()
	defer to.Close()
	err = play(from, to)
	return errors.Join(err, together(
		func() error { return from.HangUp(ctx) },
		func() error { return to.HungUp(ctx) }))
}

// conversation is a whole call: both sides hear each other, and the caller
// hangs up.
func conversation(ctx context.Context, caller, callee *device.Device, uri string) error {
	return during(ctx, caller, callee, uri, func(from, to *device.Call) error { return hear(ctx, from, to) })
}

// tries is how often something is said until it is heard well. Once is enough but on
// a machine so busy that packets come too late.
const tries = 3

// hear has both sides talk at once and judges what they heard.
func hear(ctx context.Context, from, to *device.Call) (err error) {
	for range tries {
		if err = together(
			func() error { return hears(ctx, "the caller", from, callerTone, calleeTone) },
			func() error { return hears(ctx, "the called", to, calleeTone, callerTone) }); err == nil {
			return nil
		}
	}
	return err
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

// keys has a key pressed at either side, and the other one hear it once.
func (b *bench) keys(ctx context.Context, c cast) error {
	return during(ctx, c.hero, c.other, c.toOther, func(from, to *device.Call) error {
		for _, k := range []struct {
			key  string
			a, b *device.Call
		}{{"5", from, to}, {"#", to, from}} {
			h, err := k.b.HearsFrom(ctx, k.a, device.Speech{Key: k.key})
			if err != nil {
				return err
			}
			if h.Keys != k.key {
				return fmt.Errorf("the key %s was pressed once, and heard was %q", k.key, h.Keys)
			}
		}
		return hear(ctx, from, to)
	})
}

func (b *bench) hold(ctx context.Context, c cast) error {
	return during(ctx, c.hero, c.other, c.toOther, func(from, to *device.Call) error { return heldBy(ctx, from, to, from, to) })
}

func (b *bench) held(ctx context.Context, c cast) error {
	return during(ctx, c.hero, c.other, c.toOther, func(from, to *device.Call) error { return heldBy(ctx, from, to, to, from) })
}

// heldBy has one side of a call hold the other one and take it back. What the held side
// says must not be heard meanwhile.
func heldBy(ctx context.Context, from, to, holder, other *device.Call) error {
	if err := hear(ctx, from, to); err != nil {
		return fmt.Errorf("before the hold: %w", err)
	}
	var offer *wire.Message
	proposed := func() (err error) { offer, err = other.Proposed(ctx); return err }
	if err := together(func() error { return holder.Hold(ctx) }, proposed); err != nil {
		return err
	}
	if !strings.Contains(string(offer.Body), "a=sendonly") && !strings.Contains(string(offer.Body), "a=inactive") {
		return fmt.Errorf("the other side should be told that it is on hold, and is offered %q", offer.Body)
	}
	quiet, err := holder.HearsFrom(ctx, other, device.Speech{Tone: calleeTone, Unheard: true})
	if err != nil {
		return err
	}
	if quiet.Length > 0 {
		return fmt.Errorf("on hold, the holder should hear nothing and heard %s", quiet)
	}
	if err := together(func() error { return holder.Resume(ctx) }, proposed); err != nil {
		return err
	}
	if strings.Contains(string(offer.Body), "a=sendonly") || strings.Contains(string(offer.Body), "a=inactive") {
		return fmt.Errorf("the other side should be taken back, and is offered %q", offer.Body)
	}
	if err := hear(ctx, from, to); err != nil {
		return fmt.Errorf("after the hold: %w", err)
	}
	return nil
}

// fax has the hero want T.38, which the other side refuses; the call goes on.
func (b *bench) fax(ctx context.Context, c cast) error {
	return during(ctx, c.hero, c.other, c.toOther, func(from, to *device.Call) error {
		if err := hear(ctx, from, to); err != nil {
			return fmt.Errorf("before the fax: %w", err)
		}
		if err := together(
			func() error {
				answer, err := from.Fax(ctx)
				if err == nil && answer.Status() != 488 {
					err = fmt.Errorf("the fax should be refused with 488 and got %q", answer.Start)
				}
				return err
			},
			func() error { _, err := to.Proposed(ctx); return err }); err != nil {
			return err
		}
		if err := hear(ctx, from, to); err != nil {
			return fmt.Errorf("after the fax: %w", err)
		}
		return nil
	})
}

// transfer has the hero call, and send the other side on to a third.
func (b *bench) transfer(ctx context.Context, c cast) error {
	plain, err := device.Find("plain")
	if err != nil {
		return err
	}
	third, err := b.phone(ctx, "second", plain)
	if err != nil {
		return err
	}
	from, to, err := connect(ctx, c.hero, c.other, c.toOther)
	if err != nil {
		return err
	}
	defer from.Close()
	defer to.Close()
	if err := hear(ctx, from, to); err != nil {
		return fmt.Errorf("before the transfer: %w", err)
	}
	var last *device.Call
	if err := together(
		func() error {
			report, err := from.Refer(ctx, b.uri("second"))
			if err == nil && report != "SIP/2.0 200 OK" {
				err = fmt.Errorf("the last report should be 200 and is %q", report)
			}
			return err
		},
		func() (err error) {
			if last, err = third.Incoming(ctx); err == nil {
				err = last.Answer(ctx)
			}
			return err
		}); err != nil {
		return err
	}
	defer last.Close()
	err = hear(ctx, to, last)
	return errors.Join(err, together(func() error { return to.HangUp(ctx) }, func() error { return last.HungUp(ctx) }))
}

// waiting has a phone subscribe to its messages, and one come.
func (b *bench) waiting(ctx context.Context, hero *device.Dialect) error {
	v, err := b.phone(ctx, "phone", hero)
	if err != nil {
		return err
	}
	m, err := v.Subscribe(ctx, "message-summary", "application/simple-message-summary")
	if err != nil {
		return err
	}
	if !strings.Contains(string(m.Body), "Messages-Waiting: no") {
		return fmt.Errorf("it should be told that none waits, and is told %q", m.Body)
	}
	if err := b.operate(ctx, &behaviour.Operate{Do: "PUT /users/{user}/waiting", Body: `{"new":1,"old":0}`, Beside: true, Undo: `PUT /users/{user}/waiting {"new":0,"old":0}`}); err != nil {
		return err
	}
	if m, err = v.Told(ctx); err == nil && !strings.Contains(string(m.Body), "Messages-Waiting: yes\r\n") {
		err = fmt.Errorf("it should be told that one waits, and is told %q", m.Body)
	}
	return err
}

// reboot has a phone start again at another port, without leaving, and be called.
func (b *bench) reboot(ctx context.Context, c cast) error {
	b.devices["phone"].Close()
	delete(b.devices, "phone")
	hero, err := b.phone(ctx, "phone", c.hero.Dialect())
	if err != nil {
		return err
	}
	return conversation(ctx, c.other, hero, c.toHero)
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
