package executive

import (
	"context"
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

// screens reports whether those who answer are listened to first.
func (j *job) screens() bool { return j.action() != "" }

// action is what is done when an answering machine answers.
func (j *job) action() service.Action {
	if svc := j.x.cfg.Services.Find(j.now().Service); svc != nil {
		return svc.Machine
	}
	return ""
}

// diallingSecond says that the second party is called, if there is one.
func (j *job) diallingSecond() {
	if j.dest[1] != "" {
		j.change(pint.Joining, "dialling "+upper(j.names[1]), nil)
	}
}

// screened goes on when it is known who has answered. The first party waits for that,
// the second talks already.
func (j *job) screened(p pint.Progress) {
	leg := j.names[0]
	if p.Second {
		leg = j.names[1]
	}
	switch action := j.action(); {
	case j.handle == nil: // it has ended
	case p.Step == pint.Person:
		j.proceed(p.Second)
	case p.Step == pint.Machine:
		j.machine = leg
		j.change(j.now().State, "the answering machine of "+upper(leg)+" answered", func(s *pint.Session) { s.Machine = leg })
		switch action {
		case service.ActionHangup:
			j.handle.Hangup(byMachine)
		case service.ActionJoin:
			j.proceed(p.Second)
		}
	case action != service.ActionSpeak: // the call has gone on
	case j.dest[1] == "": // it is to hear what a person would hear
		j.handle.Proceed()
	default:
		j.change(j.now().State, "speaking to the answering machine of "+upper(leg), nil)
		j.handle.Speak(p.Second, j.message)
	}
}

// byMachine is who ends a call since an answering machine has answered.
const byMachine = "answering machine"

// proceed goes on to the second party, when it was the first that has answered.
func (j *job) proceed(second bool) {
	if !second {
		j.handle.Proceed()
		j.diallingSecond()
	}
}

// hungUpOn reports whether a call ended since an answering machine had answered.
func (j *job) hungUpOn() bool {
	return j.machine != "" && j.action() == service.ActionHangup && j.quits() == ""
}

// record has the sound kept, when the request wants that.
func (j *job) record() {
	if !j.now().Record || j.handle == nil {
		return
	}
	ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	file, err := j.handle.Record(ctx)
	if err != nil {
		j.x.cfg.Log.Error("PINT call not recorded", "session", j.now().ID, "err", err)
		j.change(pint.Connected, "connected, but not recorded", nil)
		return
	}
	j.change(pint.Connected, "connected, recorded", func(s *pint.Session) { s.Recording = file })
}
