package softphone

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/diago"
)

// Incoming is a call that has not been answered yet.
type Incoming struct {
	phone   *Phone
	session *diago.DialogServerSession
	arrived time.Time

	From string // URI of the caller
	Name string // display name, may be empty
	To   string // URI that was called
}

// incoming is diago's handler of a new INVITE: the call ends when it returns.
func (p *Phone) incoming(session *diago.DialogServerSession) {
	from := session.InviteRequest.From()
	in := &Incoming{
		phone: p, session: session, arrived: time.Now(),
		From: from.Address.String(), Name: from.DisplayName,
		To: session.InviteRequest.To().Address.String(),
	}
	if p.cfg.OnCall == nil {
		if err := in.Reject(486, "Busy Here"); err != nil {
			p.cfg.Log.Warn("rejecting failed", "err", err)
		}
		return
	}
	p.cfg.OnCall(in)
}

// Done is closed when the caller has given up or hung up.
func (in *Incoming) Done() <-chan struct{} { return in.session.Context().Done() }

// Ring sends 180 and waits for d. It returns an error when the caller gave up
// meanwhile or ctx ended.
func (in *Incoming) Ring(ctx context.Context, d time.Duration) error {
	if err := in.session.Ringing(); err != nil {
		return fmt.Errorf("ringing: %w", err)
	}
	select {
	case <-time.After(d):
		return nil
	case <-in.Done():
		return &Failure{What: "call", Reason: "the caller gave up"}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answer sends 200 with our audio and returns when the caller acknowledged.
func (in *Incoming) Answer() (*Call, error) {
	if err := in.session.Answer(); err != nil {
		return nil, in.phone.failure("call", err)
	}
	return &Call{
		phone: in.phone, session: in.session, started: in.arrived,
		stages:   &stages{answered: time.Since(in.arrived)},
		ID:       in.session.InviteRequest.CallID().Value(),
		Peer:     in.From,
		Incoming: true,
	}, nil
}

// Reject refuses the call.
func (in *Incoming) Reject(code int, reason string) error {
	return in.session.Respond(code, reason, nil)
}
