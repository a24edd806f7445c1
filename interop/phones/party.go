package phones

import (
	"context"
	"errors"
	"regexp"
	"strconv"

	"tandem/interop/story"
	"tandem/media/sound"
)

// Made says how a program of a kind plays in stories.
type Made struct {
	Kind    string
	Refuses int // the code by which it refuses calls
	Start   func(ctx context.Context) (Phone, error)
	Address string
	Tone    float64 // that it says, Hz
}

// Party is a program that plays in stories.
type Party struct {
	story.Plain
	made  Made
	phone Phone
	calls bool // one goes on
}

var _ story.Party = (*Party)(nil)

// play starts a program that plays in stories, and waits until it is registered.
func play(ctx context.Context, m Made) (*Party, error) {
	p := &Party{Plain: story.Plain{Name: m.Kind}, made: m}
	return p, p.start(ctx)
}

func (p *Party) start(ctx context.Context) (err error) {
	if p.phone, err = p.made.Start(ctx); err != nil {
		return err
	}
	if err = p.phone.Registered(ctx); err != nil {
		return errors.Join(err, p.phone.Close())
	}
	return nil
}

// Address implements story.Party.
func (p *Party) Address() string { return p.made.Address }

// Tone implements story.Party.
func (p *Party) Tone() float64 { return p.made.Tone }

// ear is a program whose sound can be judged while a call goes on: what was heard since
// it began.
type ear interface {
	begin()
	length() int
	tones(from int) []sound.Segment
}

func (p *Party) ear() ear { return p.phone.(ear) }

// Dial implements story.Party.
func (p *Party) Dial(_ context.Context, uri string) error {
	p.ear().begin()
	p.calls = true
	return p.phone.Dial(uri)
}

// Ringing implements story.Party.
func (p *Party) Ringing(ctx context.Context) error { return p.phone.Ringing(ctx) }

// Incoming implements story.Party.
func (p *Party) Incoming(ctx context.Context) error {
	p.ear().begin()
	if err := p.phone.Incoming(ctx); err != nil {
		return err
	}
	p.calls = true
	return nil
}

// Answer implements story.Party.
func (p *Party) Answer(context.Context) error { return p.phone.Answer() }

// Refuse implements story.Party.
func (p *Party) Refuse(ctx context.Context, _ int) (int, error) {
	return p.made.Refuses, p.HangUp(ctx)
}

// Established implements story.Party.
func (p *Party) Established(ctx context.Context) error { return p.phone.Established(ctx) }

// HangUp implements story.Party.
func (p *Party) HangUp(ctx context.Context) error {
	if err := p.phone.Hangup(); err != nil {
		return err
	}
	_, err := p.Ended(ctx)
	return err
}

var failureCode = regexp.MustCompile(`\b[3-6]\d\d\b`)

// Ended implements story.Party.
func (p *Party) Ended(ctx context.Context) (int, error) {
	reason, err := p.phone.Ended(ctx)
	if err != nil {
		return 0, err
	}
	p.calls = false
	code, _ := strconv.Atoi(failureCode.FindString(reason))
	return code, nil
}

// Mark implements story.Party.
func (p *Party) Mark() int { return p.ear().length() }

// Heard implements story.Party.
func (p *Party) Heard(mark int) ([]sound.Segment, error) {
	if b, ok := p.phone.(*Baresip); ok && b.deaf() {
		return nil, &story.Cannot{Who: "baresip", What: "records nothing more once it was put on hold"}
	}
	return p.ear().tones(mark), nil
}

// Hold implements story.Party.
func (p *Party) Hold(ctx context.Context, on bool) error {
	switch h := p.phone.(type) {
	case interface {
		Hold(context.Context, bool) error
	}:
		return h.Hold(ctx, on)
	case *Linphone:
		if on {
			return h.Hold(ctx)
		}
		return h.Resume(ctx, h.number())
	}
	return p.Plain.Hold(ctx, on)
}

// Held implements story.Party.
func (p *Party) Held(ctx context.Context, on bool) error {
	if h, ok := p.phone.(interface {
		Held(context.Context, bool) error
	}); ok {
		return h.Held(ctx, on)
	}
	return p.Plain.Held(ctx, on)
}

// Transfer implements story.Party.
func (p *Party) Transfer(ctx context.Context, uri string) error {
	if h, ok := p.phone.(interface{ Transfer(string) error }); ok {
		if err := h.Transfer(uri); err != nil {
			return err
		}
		_, err := p.Ended(ctx)
		return err
	}
	return p.Plain.Transfer(ctx, uri)
}

// Press implements story.Party.
func (p *Party) Press(ctx context.Context, key string) error {
	if h, ok := p.phone.(interface{ Press(string) error }); ok {
		return h.Press(key)
	}
	return p.Plain.Press(ctx, key)
}

// presses is a program that tells the keys of the other side.
type presses interface{ pressed() string }

// Pressed implements story.Party.
func (p *Party) Pressed(ctx context.Context, count int) (string, error) {
	h, ok := p.phone.(presses)
	if !ok {
		return p.Plain.Pressed(ctx, count)
	}
	return story.Keys(ctx, p.Kind(), count, h.pressed)
}

// Reboot implements story.Party.
func (p *Party) Reboot(ctx context.Context) error {
	p.phone.(interface{ Kill() }).Kill()
	return p.start(ctx)
}

// Rest implements story.Party.
func (p *Party) Rest(ctx context.Context) error {
	if !p.calls {
		return nil
	}
	p.calls = false
	return p.HangUp(ctx)
}

// Transcript is all it said, for failures.
func (p *Party) Transcript() string { return p.phone.Transcript() }

// Close ends the program.
func (p *Party) Close() error { return p.phone.Close() }
