package softphone

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/sipgo/sip"
)

// Call is an answered call. Its audio runs while Talk runs.
type Call struct {
	phone   *Phone
	session diago.DialogSession
	started time.Time
	stages  *stages

	ID       string // Call-ID
	Peer     string // URI of the other side
	Incoming bool
}

// stages notes when a call reached what.
type stages struct {
	mu       sync.Mutex
	ringing  time.Duration // 0: never
	early    bool          // early media was announced
	answered time.Duration
}

// DialOptions are the choices of an outgoing call.
type DialOptions struct {
	// Progress is told of each provisional response; it may be nil and must not block.
	Progress func(code int, reason string)
	Headers  map[string]string // added to the INVITE
}

// Dial calls a URI or a number and returns when it is answered. Ending ctx
// before that cancels the call.
func (p *Phone) Dial(ctx context.Context, to string, o DialOptions) (*Call, error) {
	uri, err := p.target(to)
	if err != nil {
		return nil, err
	}
	session, err := p.diago.NewDialog(uri, diago.NewDialogOptions{Transport: p.cfg.Proto})
	if err != nil {
		return nil, p.failure("call", err)
	}
	session.InviteRequest.SetDestination(p.server)
	c := &Call{phone: p, session: session, started: time.Now(), stages: &stages{}, Peer: uri.String()}
	headers := []sip.Header{p.from()}
	for name, value := range o.Headers {
		headers = append(headers, sip.NewHeader(name, value))
	}
	err = session.Invite(ctx, diago.InviteClientOptions{
		Username: p.cfg.AuthUser,
		Password: p.cfg.Password,
		Headers:  headers,
		OnResponse: func(res *sip.Response) error {
			c.stages.response(res, time.Since(c.started))
			if res.IsProvisional() && o.Progress != nil {
				o.Progress(res.StatusCode, res.Reason)
			}
			return nil
		},
	})
	if err != nil {
		session.Close()
		if ctx.Err() != nil && response(err) == nil {
			err = &Failure{What: "call", Reason: "cancelled before an answer"}
		}
		return nil, p.failure("call", err)
	}
	if err := session.Ack(ctx); err != nil {
		session.Close()
		return nil, p.failure("call", err)
	}
	c.ID = session.InviteRequest.CallID().Value()
	return c, nil
}

func (s *stages) response(res *sip.Response, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case res.StatusCode == 180 || res.StatusCode == 183:
		if s.ringing == 0 {
			s.ringing = at
		}
		s.early = s.early || len(res.Body()) > 0
	case res.IsSuccess():
		s.answered = at
	}
}

// Done is closed when either side has hung up.
func (c *Call) Done() <-chan struct{} { return c.session.Context().Done() }

// Hangup ends the call with BYE; it is no error when the other side was
// quicker.
func (c *Call) Hangup(ctx context.Context) error {
	defer c.session.Close()
	if c.session.Context().Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxRegister)
	defer cancel()
	err := c.session.Hangup(ctx)
	if res := response(err); res != nil && c.phone.cfg.Password != "" {
		err = c.hangupAs(ctx, res)
	}
	if err != nil && c.session.Context().Err() == nil {
		return c.phone.failure("hanging up", err)
	}
	return nil
}

// hangupAs repeats BYE with the credentials that res asks for; diago does so
// for INVITE only.
func (c *Call) hangupAs(ctx context.Context, res *sip.Response) error {
	var contact *sip.ContactHeader
	switch s := c.session.(type) {
	case *diago.DialogClientSession:
		contact = s.RemoteContact()
	case *diago.DialogServerSession:
		contact = s.RemoteContact()
	}
	writer, ok := c.session.(interface {
		WriteBye(context.Context, *sip.Request) error
	})
	if contact == nil || !ok {
		return refused("hanging up", res)
	}
	bye := sip.NewRequest(sip.BYE, contact.Address)
	if err := c.phone.authorize(bye, res); err != nil {
		return err
	}
	return writer.WriteBye(ctx, bye)
}

// holder is what both kinds of diago session can do.
type holder interface {
	Hold(context.Context) error
	Unhold(context.Context) error
}

// Hold puts the other side on hold (sendonly), or takes it back.
func (c *Call) Hold(ctx context.Context, on bool) error {
	h, ok := c.session.(holder)
	if !ok {
		return errors.New("this call cannot be held")
	}
	if on {
		return h.Hold(ctx)
	}
	return h.Unhold(ctx)
}

// Refer sends the other side on to a URI or a number (RFC 3515). told gets the status of
// each report of how it goes; it must not block. The call is the caller's to end.
func (c *Call) Refer(ctx context.Context, to string, told func(code int)) error {
	uri, err := c.phone.target(to)
	if err != nil {
		return err
	}
	switch s := c.session.(type) {
	case *diago.DialogClientSession:
		err = s.ReferOptions(ctx, uri, diago.ReferClientOptions{OnNotify: told})
	case *diago.DialogServerSession:
		err = s.ReferOptions(ctx, uri, diago.ReferServerOptions{OnNotify: told})
	default:
		return errors.New("this call cannot be transferred")
	}
	if err != nil {
		return c.phone.failure("transfer", err)
	}
	return nil
}
