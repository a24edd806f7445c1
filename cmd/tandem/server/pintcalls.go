package server

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"tandem/media"
	"tandem/pint"
	"tandem/pint/party"
	"tandem/rtc"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/number"
	"tandem/telephony/rights"
)

// pintCalls is telephony as PINT sees it.
type pintCalls struct{ s *Server }

// Connect implements pint.Telephony. The steps of a call are told from when it is
// known to have begun.
func (p pintCalls) Connect(c pint.Call, tell func(pint.Progress)) (pint.Handle, error) {
	steps := &pintSteps{tell: tell}
	ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	trunk, err := p.trunk(c.Provider)
	if err != nil {
		return nil, err
	}
	options := telephony.Options{
		Payer: c.Payer,
		ShowA: telephony.Shown{Name: c.First.Name, Number: c.First.Caller, Private: c.First.Hidden},
		ShowB: telephony.Shown{Name: c.Second.Name, Number: c.Second.Caller, Private: c.Second.Hidden},
		Ring:  c.RingTime,
		Trunk: trunk,
		Watch: steps.event,
	}
	if c.Screen {
		steps.screen = &pintScreen{steps: steps}
		options.Hold, options.Hear = true, steps.screen.hear
	}
	var call *telephony.Call
	if c.Second.IsZero() {
		call, err = p.s.exchange.Play(ctx, c.First.To, c.Play, options)
	} else {
		call, err = p.s.exchange.Connect(ctx, c.First.To, c.Second.To, options)
	}
	id := steps.started()
	switch {
	case err == nil:
		id = call.Record().ID
	case id == "":
		steps.close()
		return nil, err
	}
	tell(pint.Progress{Step: pint.Begun, Call: id})
	steps.open()
	if err != nil { // it has ended before its record was on disk, which is told as any end
		return endedCall{}, nil
	}
	return pintHandle{call}, nil
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

// trunk is the one by which the telephone provider that a request names is reached, ""
// when it names none.
func (p pintCalls) trunk(provider string) (string, error) {
	if provider == "" || len(p.s.begun.PINT.Providers) == 0 {
		return "", nil
	}
	for _, known := range p.s.begun.PINT.Providers {
		if strings.EqualFold(known.TSP, provider) {
			return known.Trunk, nil
		}
	}
	return "", pint.Refuse(606, "the telephone provider %.60s is not reached from here: leave tsp out, or add it to pint.providers", provider)
}

// Provider implements pint.Rights.
func (p pintRights) Provider(name string) error {
	_, err := pintCalls{p.s}.trunk(name)
	return err
}

// pintHandle is a call as PINT leads it.
type pintHandle struct{ *telephony.Call }

// Speak implements pint.Handle.
func (h pintHandle) Speak(second bool, files []string) {
	to := media.A
	if second {
		to = media.B
	}
	h.Call.Speak(to, files)
}

// Record implements pint.Handle.
func (h pintHandle) Record(ctx context.Context) (string, error) {
	return h.Recording(ctx, true, "pint")
}

// pintSteps turns the events of a call into steps. Those that come before Connect
// has returned wait.
type pintSteps struct {
	tell   func(pint.Progress)
	screen *pintScreen // nil: nobody listens to who answers

	mu      sync.Mutex
	call    string // ID of its record, once it has started
	waiting []pint.Progress
	begun   bool
	over    bool
	reached bool // the first party has answered
}

func (p *pintSteps) event(e telephony.Event) {
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
func (p *pintSteps) step(step pint.Progress, reached bool) {
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
func (p *pintSteps) started() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.call
}

func (p *pintSteps) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = true
	for _, step := range p.waiting {
		p.tell(step)
	}
	p.waiting = nil
}

func (p *pintSteps) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// pintRights is the directory, the numbering plan and the policy as PINT sees them.
type pintRights struct {
	s        *Server
	contexts map[string]string
}

// Resolve implements pint.Rights.
func (p pintRights) Resolve(by rtc.AOR, who *party.Party) (pint.Destination, error) {
	directory := users{p.s.directory, p.s}
	requester, ok := directory.User(by)
	if !ok {
		return pint.Destination{}, pint.Refuse(403, "only a user of this server may ask for a service")
	}
	if who.Address != "" {
		return p.user(directory, by, who.Address)
	}
	dial, err := who.Dial(p.contexts)
	if err != nil {
		return pint.Destination{}, pint.Refuse(606, "Network Address Not Understood: %v", err)
	}
	plan := p.s.plan(requester.Site)
	n, err := plan.Parse(dial)
	switch {
	case errors.Is(err, number.ErrTooShort):
		return pint.Destination{}, pint.Refuse(484, "%s is too short for a telephone number", who)
	case err != nil:
		return pint.Destination{}, pint.Refuse(606, "Network Address Not Understood: %s: %v", who, err)
	}
	if u, ok := directory.Number(n.String()); ok {
		return pint.Destination{To: string(u.AOR), User: u.AOR, Own: u.AOR == requester.AOR, Name: u.Display, Show: u.Number}, nil
	}
	d := pint.Destination{To: n.String(), Kind: plan.Class(n).String(), Own: p.s.pint.numbers.Has(requester.AOR, n.String())}
	if n.Global() {
		d.Show = n.String()
	}
	return d, nil
}

func (p pintRights) user(directory users, by rtc.AOR, address string) (pint.Destination, error) {
	uri, err := sip.ParseURI([]byte(address))
	if err != nil || !directory.Ours(uri.Host, uri.Port) {
		return pint.Destination{}, pint.Refuse(606, "%.80s cannot be called: only numbers and users of this server are", address)
	}
	uri.Host, uri.Port = []byte(p.s.begun.Domains[0]), 0
	if !p.s.directory.Domain(uri.Host) {
		return pint.Destination{}, pint.Refuse(606, "%.80s cannot be called: only numbers and users of this server are", address)
	}
	u, ok := directory.User(rtc.AOR(uri.AppendAOR(nil)))
	if !ok {
		return pint.Destination{}, pint.Refuse(606, "%.80s cannot be called: there is no such user", address)
	}
	return pint.Destination{To: string(u.AOR), User: u.AOR, Own: u.AOR == by, Name: u.Display, Show: u.Number}, nil
}

// May implements pint.Rights.
func (p pintRights) May(by rtc.AOR, d pint.Destination) error {
	if d.User != "" {
		return nil
	}
	requester, ok := users{p.s.directory, p.s}.User(by)
	if !ok {
		return pint.Refuse(403, "only a user of this server may ask for a service")
	}
	plan := p.s.plan(requester.Site)
	n, err := plan.Parse(d.To)
	if err != nil {
		return pint.Refuse(606, "Network Address Not Understood: %s: %v", d.To, err)
	}
	question := rights.Question(plan, n)
	if question.Kind == number.ClassEmergency.String() {
		return pint.Refuse(403, "emergency numbers are called from a telephone, so that help knows where: they are not connected here")
	}
	decision := p.s.policy.May(policy.Subject{User: requester.AOR, Groups: requester.Groups, Site: requester.Site}, question)
	if !decision.Allowed {
		return pint.Refuse(403, "%s may not call %s: %s", requester.AOR, d.To, decision.Reason)
	}
	return nil
}
