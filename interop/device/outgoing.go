package device

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tandem/interop/wire"
)

// Refused says that a call was answered with a failure.
type Refused struct {
	Code int
	Line string // of the response
}

// ErrRefused is every Refused.
var ErrRefused = errors.New("the call was refused")

// Is makes a Refused an ErrRefused.
func (r *Refused) Is(err error) bool { return err == ErrRefused }

func (r *Refused) Error() string { return fmt.Sprintf("the call was refused: %q", r.Line) }

// Dial calls a URI and waits for the answer. Its INVITE has further header lines, without
// their line ends.
func (v *Device) Dial(ctx context.Context, uri string, lines ...string) (*Call, error) {
	c, err := v.Begin(uri, lines...)
	if err != nil {
		return nil, err
	}
	if err := c.answered(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// GiveUp calls a URI, waits until it rings, and cancels.
func (v *Device) GiveUp(ctx context.Context, uri string) error {
	c, err := v.Begin(uri)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Ringing(ctx); err != nil {
		return err
	}
	return c.giveUp(ctx)
}

// Begin is Dial without waiting.
func (v *Device) Begin(uri string, lines ...string) (*Call, error) {
	c, err := v.begin(uri)
	if err != nil {
		return nil, err
	}
	c.sent["contact"] = strings.Join(append([]string{c.sent["contact"]}, lines...), "\r\n")
	if err := c.send(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// send sends the INVITE, at first or with credentials.
func (c *Call) send() error {
	v := c.device
	v.cseq++
	c.number = v.cseq
	c.sent["cseq"], c.sent["via"] = fmt.Sprint(c.number), v.fresh(v.dialect.Via)
	return v.end.Send(v.words(v.dialect.Invite, c.sent))
}

// Ringing waits until it rings, or is answered at once. A refusal is a *Refused.
func (c *Call) Ringing(ctx context.Context) error {
	for c.answer == nil {
		m, err := c.progress(ctx, "180")
		if err != nil || m.Status() < 200 {
			return err
		}
	}
	return nil
}

// answered waits for the answer and acknowledges it. A refusal is a *Refused.
func (c *Call) answered(ctx context.Context) error {
	for c.answer == nil {
		if _, err := c.progress(ctx, "the answer to INVITE"); err != nil {
			return err
		}
	}
	return nil
}

// progress takes the next response: a challenge is answered, a failure acknowledged.
func (c *Call) progress(ctx context.Context, what string) (*wire.Message, error) {
	v := c.device
	for {
		m, err := v.expect(ctx, what, func(m *wire.Message) bool {
			return m.Get("Call-ID") == c.callid && m.Method() == "INVITE" && m.CSeq() == c.number && m.Status() > 100
		})
		if err != nil {
			return nil, err
		}
		switch {
		case m.Status() < 200:
			return m, nil
		case m.Status() < 300:
			c.answer = m
			return m, c.confirmed(m)
		}
		if err := v.acknowledge(c.sent, m); err != nil {
			return nil, err
		}
		if m.Status() != 401 && m.Status() != 407 || c.sent["credentials"] != "" {
			return nil, &Refused{m.Status(), m.Start}
		}
		if err := v.prove(c.sent, m); err != nil {
			return nil, err
		}
		if err := c.send(); err != nil {
			return nil, err
		}
	}
}

// giveUp cancels the call, which rings (RFC 3261 §9.1), and wants 487.
func (c *Call) giveUp(ctx context.Context) error {
	v := c.device
	cancel := message{"method": "CANCEL", "ruri": c.sent["ruri"], "via": c.sent["via"], "from": c.sent["from"], "to": c.sent["to"], "callid": c.callid, "cseq": c.sent["cseq"]}
	if err := v.end.Send(v.words(v.dialect.Request, cancel)); err != nil {
		return err
	}
	m, err := v.final(ctx, c.sent, c.number)
	if err != nil {
		return err
	}
	if m.Status() < 300 {
		return fmt.Errorf("the cancelled INVITE got %q", m.Start)
	}
	if err := v.acknowledge(c.sent, m); err != nil {
		return err
	}
	if m.Status() != 487 {
		return fmt.Errorf("the cancelled INVITE got %q", m.Start)
	}
	return nil
}
