package executive

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem/pint"
	"tandem/pint/service"
	"tandem/pint/stats"
	"tandem/rtc"
)

// progress is a step of the call.
func (j *job) progress(p pint.Progress) {
	first, second := upper(j.names[0]), upper(j.names[1])
	state := j.now().State
	switch p.Step {
	case pint.Begun:
		s := j.now().Clone()
		if p.Call != "" && !slices.Contains(s.Calls, p.Call) {
			s.Calls = append(s.Calls, p.Call)
			j.shown.Store(&s)
		}
	case pint.FirstRinging:
		j.change(pint.Dialling, first+" ringing", nil)
	case pint.FirstAnswered:
		j.change(pint.Joining, first+" answered", nil)
		if !j.screens() {
			j.diallingSecond()
		}
	case pint.SecondRinging:
		j.change(pint.Joining, second+" ringing", nil)
	case pint.Joined:
		now := time.Now().UTC()
		j.change(pint.Connected, "connected", func(s *pint.Session) { s.Connected, s.Gateway = now, p.Gateway })
		j.x.queue.Set(j.now().ID+"/talk", now.Add(j.now().MaxTalk))
		j.record()
	case pint.Person, pint.Machine, pint.GreetingOver:
		j.screened(p)
	case pint.Ended:
		if !state.Final() {
			j.ended(p)
		}
	}
}

// ended is the end of the call.
func (j *job) ended(p pint.Progress) {
	if j.hungUpOn() { // nobody has talked
		s := j.now().Clone()
		s.Connected = time.Time{}
		j.shown.Store(&s)
		j.x.queue.Drop(s.ID + "/talk")
		p.Code, p.Second, p.By, p.Text = 480, j.machine == j.names[1], "", "the answering machine of "+upper(j.machine)+" answered"
		j.failed(p)
		return
	}
	if !j.now().Connected.IsZero() {
		j.release()
		text := "ended"
		if p.By != "" {
			text += " by " + j.who(p.By)
		}
		j.finish(pint.Completed, p.Code, p.Cause, text, j.who(p.By))
		return
	}
	j.failed(p)
}

// who is the party that telephony calls first or second.
func (j *job) who(by string) string {
	switch by {
	case "first":
		return upper(j.names[0])
	case "second":
		return upper(j.names[1])
	}
	return by
}

// failed is the end of a try that came to no conversation.
func (j *job) failed(p pint.Progress) {
	j.release()
	text := p.Text
	if p.By == "first" && p.Code < 400 {
		p.Code, text = 487, upper(j.names[0])+" hung up before the other party answered"
	}
	switch {
	case j.quits() != "":
		j.finish(pint.Cancelled, 487, p.Cause, "ended by "+j.quits(), j.quits())
		return
	case j.again(p):
		return
	}
	missed := j.names[0]
	if p.Second {
		missed = j.names[1]
	}
	j.missed = missed
	j.finish(pint.Failed, p.Code, p.Cause, fmt.Sprintf("ended: %d/%d %s", p.Code, p.Cause, text), j.who(p.By))
}

// again has the call tried once more, where that may help.
func (j *job) again(p pint.Progress) bool {
	s := j.now()
	svc := j.x.cfg.Services.Find(s.Service)
	if svc == nil || s.Tries > s.Retries || p.By == "first" || p.By == "server" {
		return false
	}
	reason := reasonOf(p.Code)
	if !slices.Contains(svc.RetryOn, reason) {
		return false
	}
	if reason == service.Busy {
		to := j.dest[0]
		if p.Second {
			to = j.dest[1]
		}
		j.x.awaits(j, to)
	}
	j.x.limits.Wait(string(s.By), +1)
	j.wait(time.Now().Add(s.Pause), fmt.Sprintf("%s, try %d of %d follows", reason, s.Tries+1, s.Retries+1))
	return true
}

func reasonOf(code int) service.Reason {
	switch code {
	case 486, 600:
		return service.Busy
	case 408, 480, 487:
		return service.NoAnswer
	}
	return service.Failed
}

// end ends the session as somebody wants it.
func (j *job) end(by string, kept func(error)) {
	s := j.now()
	switch {
	case s.State == pint.Scheduled || s.State == pint.Accepted:
		j.x.limits.Wait(string(s.By), -1)
		j.finishKept(pint.Cancelled, 487, 0, "cancelled by "+by, by, kept)
		return
	case j.marking: // whoever is called is hung up on at once, or nobody is
		j.ending = append(j.ending, kept)
		return
	case j.handle != nil:
		j.handle.Hangup(by)
	}
	kept(nil) // it has ended, or the disk has that somebody is being called
}

// release gives back what a try held.
func (j *job) release() {
	if j.holding {
		j.holding = false
		j.x.limits.End(string(j.now().By))
	}
	j.handle, j.message = nil, nil
	if j.cleanup != nil {
		j.cleanup()
		j.cleanup = nil
	}
}

// finish ends the session.
func (j *job) finish(state pint.State, code, cause int, text, by string) {
	j.finishKept(state, code, cause, text, by, nil)
}

// finishKept is finish; kept, unless it is nil, is told when the end is on disk.
func (j *job) finishKept(state pint.State, code, cause int, text, by string, kept func(error)) {
	was := j.now()
	if was.State.Final() {
		return
	}
	j.x.count(&was.Order, was.Gateway, outcomeOf(state, code))
	j.changeKept(state, text, func(s *pint.Session) {
		s.Code, s.Cause, s.EndedBy, s.Ended, s.Due = code, cause, by, time.Now().UTC().Truncate(time.Millisecond), time.Time{}
		s.Missed = j.missed
	}, kept)
}

// outcomeOf is the end of a session in the words of RFC 3055.
func outcomeOf(state pint.State, code int) stats.Outcome {
	switch {
	case state == pint.Completed:
		return stats.Successful
	case code == 403:
		return stats.AuthFailed
	case code == 501:
		return stats.ServiceProblem
	case code >= 500 && code < 600:
		return stats.GatewayProblem
	}
	return stats.Disconnected
}

// codeOf is the SIP status of an error.
func codeOf(err error) int {
	var st *rtc.Status
	var refused *pint.Refusal
	switch {
	case errors.As(err, &st):
		return st.Code
	case errors.As(err, &refused):
		return refused.Code
	}
	return 500
}
