package device

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tandem/interop/story"
	"tandem/interop/voice"
	"tandem/media/sound"
)

// Party is a device that takes part in stories.
type Party struct {
	device  *Device
	address string
	tone    float64
	again   func(context.Context) (*Device, error) // starts it again; nil: that cannot be

	call  *Call
	voice *voice.Voice // while two speak
}

var _ story.Party = (*Party)(nil)

// NewParty has a device that is registered, or needs not be, take part in stories.
// Address is what others dial, tone what it says. It is closed by Rest.
func NewParty(v *Device, address string, tone float64, again func(context.Context) (*Device, error)) *Party {
	return &Party{device: v, address: address, tone: tone, again: again}
}

// Kind implements story.Party.
func (p *Party) Kind() string { return p.device.dialect.Name }

// Address implements story.Party.
func (p *Party) Address() string { return p.address }

// Tone implements story.Party.
func (p *Party) Tone() float64 { return p.tone }

var errNoCall = errors.New("there is no call")

// Dial implements story.Party.
func (p *Party) Dial(_ context.Context, uri string) (err error) {
	p.call, err = p.device.Begin(uri)
	return err
}

// Ringing implements story.Party.
func (p *Party) Ringing(ctx context.Context) error {
	if p.call == nil {
		return errNoCall
	}
	return p.call.Ringing(ctx)
}

// Incoming implements story.Party.
func (p *Party) Incoming(ctx context.Context) (err error) {
	if p.call, err = p.device.Incoming(ctx); err != nil {
		return err
	}
	return p.call.Ring()
}

// Answer implements story.Party.
func (p *Party) Answer(context.Context) error {
	if p.call == nil {
		return errNoCall
	}
	return p.call.accept()
}

// Refuse implements story.Party.
func (p *Party) Refuse(ctx context.Context, code int) (int, error) {
	if p.call == nil {
		return 0, errNoCall
	}
	err := p.call.Refuse(ctx, code, story.Reason(code))
	p.over()
	return code, err
}

// Established implements story.Party.
func (p *Party) Established(ctx context.Context) (err error) {
	switch {
	case p.call == nil:
		return errNoCall
	case p.call.invite != nil:
		err = p.call.acknowledged(ctx)
	default:
		err = p.call.answered(ctx)
	}
	if err == nil {
		p.voice = voice.Speak(p.call.sound, p.tone)
	}
	return err
}

// HangUp implements story.Party.
func (p *Party) HangUp(ctx context.Context) error {
	defer p.over()
	switch {
	case p.call == nil:
		return errNoCall
	case p.call.up():
		return p.call.HangUp(ctx)
	case p.call.invite == nil:
		return p.call.giveUp(ctx)
	}
	return p.call.Refuse(ctx, 480, story.Reason(480))
}

// Ended implements story.Party.
func (p *Party) Ended(ctx context.Context) (code int, err error) {
	defer p.over()
	switch {
	case p.call == nil:
		return 0, errNoCall
	case p.call.up():
		return 0, p.call.HungUp(ctx)
	case p.call.invite != nil:
		return 0, p.call.GivenUp(ctx)
	}
	var refused *Refused
	switch err := p.call.answered(ctx); {
	case errors.As(err, &refused):
		return refused.Code, nil
	case err != nil:
		return 0, err
	}
	return 0, errors.New("the call was answered and not refused")
}

// up reports whether the call was answered.
func (c *Call) up() bool { return c.answer != nil || c.invite != nil && c.sound != nil }

// over forgets the call.
func (p *Party) over() {
	if p.voice != nil {
		p.voice.Close()
	} else if p.call != nil {
		p.call.Close()
	}
	p.voice, p.call = nil, nil
}

// Mark implements story.Party.
func (p *Party) Mark() int {
	if p.voice == nil {
		return 0
	}
	return p.voice.Mark()
}

// Heard implements story.Party.
func (p *Party) Heard(mark int) ([]sound.Segment, error) {
	if p.voice == nil {
		return nil, errNoCall
	}
	return p.voice.Heard(mark), nil
}

// Hold implements story.Party.
func (p *Party) Hold(ctx context.Context, on bool) error {
	switch {
	case p.voice == nil:
		return errNoCall
	case !on:
		return p.call.resume(ctx)
	}
	return p.call.Hold(ctx)
}

// Held implements story.Party: the direction in the offer says so (RFC 3264 §8.4).
func (p *Party) Held(ctx context.Context, on bool) error {
	if p.voice == nil {
		return errNoCall
	}
	m, err := p.call.Proposed(ctx, false)
	if err != nil {
		return err
	}
	if told := strings.Contains(string(m.Body), "a=sendonly") || strings.Contains(string(m.Body), "a=inactive"); told != on {
		return fmt.Errorf("%s should be told that it is on hold: %t, and is offered %q", p.Kind(), on, m.Body)
	}
	return nil
}

// Transfer implements story.Party.
func (p *Party) Transfer(ctx context.Context, uri string) error {
	if p.voice == nil {
		return errNoCall
	}
	defer p.over()
	report, err := p.call.Refer(ctx, uri)
	if err == nil && report != "SIP/2.0 200 OK" {
		err = fmt.Errorf("the last report should be 200 and is %q", report)
	}
	return err
}

// TransferRefused implements story.Party.
func (p *Party) TransferRefused(ctx context.Context, uri string) (code int, err error) {
	if p.voice == nil {
		return 0, errNoCall
	}
	report, err := p.call.Refer(ctx, uri)
	if err == nil {
		_, err = fmt.Sscanf(report, "SIP/2.0 %d ", &code)
	}
	return code, err
}

// Press implements story.Party.
func (p *Party) Press(ctx context.Context, key string) error {
	if p.voice == nil {
		return errNoCall
	}
	err := p.voice.Press(ctx, key)
	if errors.Is(err, voice.ErrNoKeys) && !p.device.dialect.Events() {
		err = &story.Cannot{Who: p.Kind(), What: "has no keys in its sound"}
	}
	return err
}

// Pressed implements story.Party.
func (p *Party) Pressed(ctx context.Context, count int) (string, error) {
	if p.voice == nil {
		return "", errNoCall
	}
	return story.Keys(ctx, p.Kind(), count, p.voice.Keys)
}

// Fax implements story.Party.
func (p *Party) Fax(ctx context.Context) (int, error) {
	if p.voice == nil {
		return 0, errNoCall
	}
	m, err := p.call.Fax(ctx)
	if err != nil {
		return 0, err
	}
	if m.Status() == 200 {
		err = p.voice.Fax(m.Body)
	}
	return m.Status(), err
}

// Faxed implements story.Party.
func (p *Party) Faxed(ctx context.Context, take bool) (int, error) {
	if p.voice == nil {
		return 0, errNoCall
	}
	m, err := p.call.Proposed(ctx, take)
	if err != nil || !take {
		return 488, err
	}
	return 200, p.voice.Fax(m.Body)
}

// Scan implements story.Party.
func (p *Party) Scan(_ context.Context, packet []byte) error {
	if p.voice == nil {
		return errNoCall
	}
	return p.voice.Scan(packet)
}

// Printed implements story.Party.
func (p *Party) Printed(packet []byte) bool { return p.voice != nil && p.voice.Printed(packet) }

// Reboot implements story.Party.
func (p *Party) Reboot(ctx context.Context) error {
	if p.again == nil {
		return &story.Cannot{Who: p.Kind(), What: "does not register"}
	}
	p.over()
	v, err := p.again(ctx)
	if err == nil {
		p.device = v
	}
	return err
}

// Rest implements story.Party.
func (p *Party) Rest(ctx context.Context) error {
	if p.call != nil {
		_ = p.HangUp(ctx) // it may be over at the other side
	}
	return nil
}
