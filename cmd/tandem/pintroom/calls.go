package pintroom

import (
	"context"
	"errors"
	"sync"
	"time"

	"tandem/media"
	"tandem/pint"
	"tandem/rtc"
	"tandem/telephony"
)

// Exchange makes calls: telephony's.
type Exchange interface {
	Connect(ctx context.Context, a, b string, o telephony.Options) (*telephony.Call, error)
	Play(ctx context.Context, to string, files []string, o telephony.Options) (*telephony.Call, error)
}

// Calls is telephony as PINT sees it.
type Calls struct {
	Exchange  func() Exchange // asked for each call: it is opened after PINT
	Providers Providers
}

// Connect implements pint.Telephony. The steps of a call are told from when it is
// known to have begun.
func (p Calls) Connect(c pint.Call, tell func(pint.Progress)) (pint.Handle, error) {
	told := &steps{tell: tell}
	ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	trunk, err := p.Providers.trunk(c.Provider)
	if err != nil {
		return nil, err
	}
	options := telephony.Options{
		Payer: c.Payer,
		ShowA: telephony.Shown{Name: c.First.Name, Number: c.First.Caller, Private: c.First.Hidden},
		ShowB: telephony.Shown{Name: c.Second.Name, Number: c.Second.Caller, Private: c.Second.Hidden},
		Ring:  c.RingTime,
		Trunk: trunk,
		Watch: told.event,
	}
	if c.Screen {
		told.screen = &screen{steps: told}
		options.Hold, options.Hear = true, told.screen.hear
	}
	var call *telephony.Call
	if c.Second.IsZero() {
		call, err = p.Exchange().Play(ctx, c.First.To, c.Play, options)
	} else {
		call, err = p.Exchange().Connect(ctx, c.First.To, c.Second.To, options)
	}
	id := told.started()
	var nobody *telephony.Uncallable
	var status *rtc.Status
	switch {
	case err == nil:
		id = call.Record().ID
	case errors.As(err, &nobody) && errors.As(err, &status): // told as any end, since it says which party it was
		told.close()
		tell(pint.Progress{Step: pint.Ended, Code: status.Code, Text: err.Error(), Second: nobody.Second})
		return endedCall{}, nil
	case id == "":
		told.close()
		return nil, err
	}
	tell(pint.Progress{Step: pint.Begun, Call: id})
	told.open()
	if err != nil { // it has ended before its record was on disk, which is told as any end
		return endedCall{}, nil
	}
	return handle{call}, nil
}

// endedCall is a call that is over: Ended is told, or was.
type endedCall struct{}

// Proceed implements pint.Handle.
func (endedCall) Proceed() {}

// Speak implements pint.Handle.
func (endedCall) Speak(bool, []string) {}

// Record implements pint.Handle.
func (endedCall) Record(context.Context) (string, error) {
	return "", errors.New("the call has ended")
}

// Hangup implements pint.Handle.
func (endedCall) Hangup(string) {}

// handle is a call as PINT leads it.
type handle struct{ *telephony.Call }

// Speak implements pint.Handle.
func (h handle) Speak(second bool, files []string) {
	to := media.A
	if second {
		to = media.B
	}
	h.Call.Speak(to, files)
}

// Record implements pint.Handle.
func (h handle) Record(ctx context.Context) (string, error) {
	return h.Recording(ctx, true, "pint")
}

// steps turns the events of a call into steps. Those that come before Connect
// has returned wait.
type steps struct {
	tell   func(pint.Progress)
	screen *screen // nil: nobody listens to who answers

	mu      sync.Mutex
	call    string // ID of its record, once it has started
	waiting []pint.Progress
	begun   bool
	over    bool
	reached bool // the first party has answered
}

func (p *steps) event(e telephony.Event) {
	var step pint.Progress
	p.mu.Lock()
	reached := p.reached
	p.mu.Unlock()
	switch e.Kind {
	case telephony.Started:
		p.mu.Lock()
		p.call = e.Record.ID
		p.mu.Unlock()
		return
	case telephony.CallerRings:
		step.Step = pint.FirstRinging
	case telephony.CallerReached:
		step.Step, reached = pint.FirstAnswered, true
		if p.screen != nil {
			p.screen.answered()
		}
	case telephony.Ringing:
		step.Step = pint.SecondRinging
	case telephony.Answered:
		step.Step, step.Gateway = pint.Joined, e.Record.Trunk
	case telephony.Ended:
		r := e.Record
		step = pint.Progress{Step: pint.Ended, Code: r.Code, Cause: r.Cause, Text: r.Text, By: side(r.EndedBy), Second: reached}
	default:
		return
	}
	p.step(step, reached)
}

// step tells of one step, or keeps it until Connect has returned.
func (p *steps) step(step pint.Progress, reached bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached = p.reached || reached
	switch {
	case p.over:
	case p.begun:
		p.tell(step) // it only posts
	default:
		p.waiting = append(p.waiting, step)
	}
	p.over = p.over || step.Step == pint.Ended
}

// side is who ended a call, as PINT names the parties.
func side(by string) string {
	switch by {
	case "caller":
		return "first"
	case "callee":
		return "second"
	}
	return by
}

// started is the ID of the call's record, "" when no call was begun.
func (p *steps) started() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.call
}

func (p *steps) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = true
	for _, step := range p.waiting {
		p.tell(step)
	}
	p.waiting = nil
}

func (p *steps) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}
