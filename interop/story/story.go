package story

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Cast are the parties of a story.
type Cast struct {
	Hero, Other Party
	Third       Party // nil where the story needs none
}

// Story is one story.
type Story struct {
	Name, Does, Server string // what it is about does, and what the server must do
	Source             string // of what is expected
	Third              bool   // it needs a third party
	play               func(context.Context, Cast) error
}

// All are the stories.
var All = []Story{
	{"call-out", "Calls, talks and hangs up.", "Leads the call, passes the sound both ways, and tells the other side of the end.", "RFC 3261 §13, §15", false, callOut},
	{"call-in", "Is called, rings, answers, talks, and the other side hangs up.", "Leads the call, passes the sound both ways, and tells the device of the end.", "RFC 3261 §13, §15", false, callIn},
	{"busy", "Is called and answers that it is busy.", "Tells the caller so.", "RFC 3261 §16.7", false, busy},
	{"give-up", "Calls and gives up while it rings.", "Cancels the call at the other side, and answers 487.", "RFC 3261 §9", false, giveUp},
	{"keys", "Calls, and a key is pressed at either side.", "Passes each key once, as telephone-event with the number that side has given.", "RFC 4733", false, keys},
	{"hold", "Calls, puts the other side on hold, and takes it back.", "Tells the other side, which is not heard meanwhile, and passes the sound again afterwards.", "RFC 3264 §8.4", false, hold},
	{"held", "Calls, is put on hold, and taken back.", "Tells it so, and passes the sound again afterwards.", "RFC 3264 §8.4", false, held},
	{"transfer", "Calls, and sends the other side on to a third.", "Answers 202, reports how it went, ends the call, and connects the two.", "RFC 3515", true, transfer},
	{"transfer-refused", "Calls, and sends the other side on to a third who is busy.", "Reports what the third said, and the call goes on.", "RFC 3515 §2.4.5", true, transferRefused},
	{"fax", "Calls, and wants to go on as a fax by T.38, which the other side refuses.", "Passes the refusal, and the sound goes on.", "ITU-T T.38 annex D", false, fax},
	{"fax-switch", "Calls, and goes on as a fax by T.38, which the other side takes.", "Passes offer and answer, and from then on the packets of UDPTL both ways, octet for octet.", "ITU-T T.38 annex D", false, faxSwitch},
	{"failure", "Calls where nobody answers, and is refused when it is called.", "Tells the caller what the called side said.", "RFC 3261 §16.7", false, failure},
	{"reboot", "Starts again at another port, and is called.", "Takes the new registration beside the old one, and reaches it.", "RFC 3261 §10", false, reboot},
}

// Find is the story of a name.
func Find(name string) (Story, bool) {
	for _, s := range All {
		if s.Name == name {
			return s, true
		}
	}
	return Story{}, false
}

// Play plays it, in patience at most. Afterwards all parties are at rest again, however
// it went.
func (s Story) Play(ctx context.Context, c Cast, patience time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	err := s.play(limited, c)
	cancel()
	rest := []func(context.Context) error{}
	for _, p := range []Party{c.Hero, c.Other, c.Third} {
		if p != nil {
			rest = append(rest, p.Rest)
		}
	}
	limited, cancel = context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return errors.Join(err, together(limited, rest...))
}

func callOut(ctx context.Context, c Cast) error { return conversation(ctx, c.Hero, c.Other) }
func callIn(ctx context.Context, c Cast) error  { return conversation(ctx, c.Other, c.Hero) }

// conversation is a whole call: both sides hear each other, and the caller hangs up.
func conversation(ctx context.Context, caller, callee Party) error {
	return during(ctx, caller, callee, func() error { return talk(ctx, caller, callee) })
}

// during plays something in a call, which the caller ends then.
func during(ctx context.Context, caller, callee Party, play func() error) error {
	if err := connect(ctx, caller, callee); err != nil {
		return err
	}
	if err := play(); err != nil {
		return err
	}
	return end(ctx, caller, callee)
}

// connect has one side call and the other one answer.
func connect(ctx context.Context, caller, callee Party) error {
	if err := ring(ctx, caller, callee); err != nil {
		return err
	}
	if err := callee.Answer(ctx); err != nil {
		return fmt.Errorf("answering: %w", err)
	}
	return together(ctx,
		func(ctx context.Context) error { return on("the caller's side of the call", caller.Established(ctx)) },
		func(ctx context.Context) error { return on("the called side of the call", callee.Established(ctx)) })
}

// ring has one side call and the other one ring, which the caller is told.
func ring(ctx context.Context, caller, callee Party) error {
	if err := caller.Dial(ctx, callee.Address()); err != nil {
		return fmt.Errorf("dialling: %w", err)
	}
	return together(ctx,
		func(ctx context.Context) error { return on("the caller hears it ring", caller.Ringing(ctx)) },
		func(ctx context.Context) error { return on("the called side rings", callee.Incoming(ctx)) })
}

// end has one side hang up.
func end(ctx context.Context, by, other Party) error {
	return together(ctx,
		func(ctx context.Context) error { return on("hanging up", by.HangUp(ctx)) },
		func(ctx context.Context) error {
			_, err := other.Ended(ctx)
			return on("the end at the other side", err)
		})
}

// on says at what an error came.
func on(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func busy(ctx context.Context, c Cast) error { return refused(ctx, c.Other, c.Hero, 486) }

func failure(ctx context.Context, c Cast) error {
	if err := refused(ctx, c.Hero, c.Other, 480); err != nil {
		return err
	}
	if err := together(ctx, c.Hero.Rest, c.Other.Rest); err != nil {
		return err
	}
	return refused(ctx, c.Other, c.Hero, 404)
}

// refused has one side call and the other one refuse; the caller must be told how.
func refused(ctx context.Context, caller, callee Party, code int) error {
	if err := ring(ctx, caller, callee); err != nil {
		return err
	}
	told := 0
	if err := together(ctx,
		func(ctx context.Context) (err error) {
			code, err = callee.Refuse(ctx, code)
			return on("refusing", err)
		},
		func(ctx context.Context) (err error) {
			told, err = caller.Ended(ctx)
			return on("the caller is told", err)
		}); err != nil {
		return err
	}
	if told != 0 && told != code {
		return fmt.Errorf("the caller should be told %d and was told %d", code, told)
	}
	return nil
}

func giveUp(ctx context.Context, c Cast) error {
	if err := ring(ctx, c.Hero, c.Other); err != nil {
		return err
	}
	return end(ctx, c.Hero, c.Other)
}

// keys has a key pressed at either side, and the other one hear it once.
func keys(ctx context.Context, c Cast) error {
	return during(ctx, c.Hero, c.Other, func() error {
		there := pressed(ctx, c.Hero, c.Other, "5")
		if shown(there) != nil {
			return there
		}
		back := pressed(ctx, c.Other, c.Hero, "#")
		if there == nil && shown(back) == nil {
			return nil // one way was tried
		}
		return back
	})
}

// pressed has one side press a key, and the other one hear it once.
func pressed(ctx context.Context, by, at Party, key string) error {
	if err := by.Press(ctx, key); err != nil {
		return err
	}
	if _, err := at.Pressed(ctx, 1); err != nil {
		return on("the key "+key, err)
	}
	if err := talk(ctx, by, at); err != nil { // meanwhile it would come a second time
		return err
	}
	if got, err := at.Pressed(ctx, 1); err != nil || got != key {
		return fmt.Errorf("the key %s was pressed once, and heard was %q, %w", key, got, err)
	}
	return nil
}

func hold(ctx context.Context, c Cast) error {
	return during(ctx, c.Hero, c.Other, func() error { return holds(ctx, c.Hero, c.Other) })
}

func held(ctx context.Context, c Cast) error {
	return during(ctx, c.Hero, c.Other, func() error { return holds(ctx, c.Other, c.Hero) })
}

// holds has one side of a call hold the other one and take it back. What the held side
// says must not be heard meanwhile.
func holds(ctx context.Context, holder, other Party) error {
	if err := talk(ctx, holder, other); err != nil {
		return fmt.Errorf("before the hold: %w", err)
	}
	change := func(on bool) error {
		return together(ctx,
			func(ctx context.Context) error { return holder.Hold(ctx, on) },
			func(ctx context.Context) error { return shown(other.Held(ctx, on)) })
	}
	if err := change(true); err != nil {
		return fmt.Errorf("holding: %w", err)
	}
	if err := silent(ctx, holder, other.Tone()); err != nil {
		return fmt.Errorf("on hold: %w", err)
	}
	if err := change(false); err != nil {
		return fmt.Errorf("taking it back: %w", err)
	}
	if err := talk(ctx, holder, other); err != nil {
		return fmt.Errorf("after the hold: %w", err)
	}
	return nil
}

// shown forgives who does not show what is judged by the sound as well.
func shown(err error) error {
	if _, ok := Excuse(err); ok {
		return nil
	}
	return err
}

// fax has the hero want T.38, which the other side refuses; the call goes on.
func fax(ctx context.Context, c Cast) error {
	return wantsFax(ctx, c, false, func(got, said int) error {
		if got < 400 || said != 0 && got != said {
			return fmt.Errorf("the fax was refused with %d, and the refusal that came is %d", said, got)
		}
		return on("after the fax", talk(ctx, c.Hero, c.Other))
	})
}

// wantsFax has the hero want T.38 in a call, which the other side takes or refuses. then
// judges the answer that came and the one that was said, 0 when nobody saw that.
func wantsFax(ctx context.Context, c Cast, taken bool, then func(got, said int) error) error {
	return during(ctx, c.Hero, c.Other, func() error {
		if err := talk(ctx, c.Hero, c.Other); err != nil {
			return fmt.Errorf("before the fax: %w", err)
		}
		var got, said int
		if err := together(ctx,
			func(ctx context.Context) (err error) { got, err = c.Hero.Fax(ctx); return err },
			func(ctx context.Context) (err error) { said, err = c.Other.Faxed(ctx, taken); return err }); err != nil {
			return err
		}
		return then(got, said)
	})
}

// transfer has the hero call, and send the other side on to a third.
func transfer(ctx context.Context, c Cast) error {
	if err := connect(ctx, c.Hero, c.Other); err != nil {
		return err
	}
	if err := talk(ctx, c.Hero, c.Other); err != nil {
		return fmt.Errorf("before the transfer: %w", err)
	}
	if err := together(ctx,
		func(ctx context.Context) error { return on("the transfer", c.Hero.Transfer(ctx, c.Third.Address())) },
		func(ctx context.Context) error {
			err := c.Third.Incoming(ctx)
			if err == nil {
				err = c.Third.Answer(ctx)
			}
			if err == nil {
				err = c.Third.Established(ctx)
			}
			return on("the third", err)
		}); err != nil {
		return err
	}
	if err := talk(ctx, c.Other, c.Third); err != nil {
		return fmt.Errorf("after the transfer: %w", err)
	}
	return end(ctx, c.Other, c.Third)
}

// transferRefused has the hero call, and send the other side on to a third who is busy.
func transferRefused(ctx context.Context, c Cast) error {
	return during(ctx, c.Hero, c.Other, func() error {
		code, said := 0, 0
		if err := together(ctx,
			func(ctx context.Context) (err error) {
				code, err = c.Hero.TransferRefused(ctx, c.Third.Address())
				return on("the transfer", err)
			},
			func(ctx context.Context) (err error) {
				if err = c.Third.Incoming(ctx); err == nil {
					said, err = c.Third.Refuse(ctx, 486)
				}
				return on("the third", err)
			}); err != nil {
			return err
		}
		if code != said {
			return fmt.Errorf("the third refused with %d, and the report says %d", said, code)
		}
		return on("after the transfer", talk(ctx, c.Hero, c.Other))
	})
}

// What fax machines say to each other first, each as a packet of UDPTL with one indicator
// and no repetition (ITU-T T.38 §7.2.1, §9.1): the calling tone and the called one.
var (
	callingTone = []byte{0, 0, 1, 2, 0, 0}
	calledTone  = []byte{0, 0, 1, 4, 0, 0}
)

// faxSwitch has a call become a fax, which the other side takes.
func faxSwitch(ctx context.Context, c Cast) error {
	return wantsFax(ctx, c, true, func(got, said int) error {
		if got != 200 || said != 200 {
			return fmt.Errorf("the fax was answered with %d, and the answer that came is %d", said, got)
		}
		return together(ctx,
			func(ctx context.Context) error { return faxes(ctx, c.Hero, c.Other, callingTone) },
			func(ctx context.Context) error { return faxes(ctx, c.Other, c.Hero, calledTone) })
	})
}

// faxes has one side send a packet until the other one has it: UDPTL goes by UDP.
func faxes(ctx context.Context, from, to Party, packet []byte) error {
	for {
		if err := from.Scan(ctx, packet); err != nil {
			return err
		}
		if to.Printed(packet) {
			return nil
		}
		if !sleep(ctx, glance) {
			return fmt.Errorf("%s has not got the packet %x of the fax", to.Kind(), packet)
		}
	}
}

// reboot has the hero start again, without leaving, and be called.
func reboot(ctx context.Context, c Cast) error {
	if err := c.Hero.Reboot(ctx); err != nil {
		return err
	}
	return conversation(ctx, c.Other, c.Hero)
}
