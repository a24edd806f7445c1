package telephony

import (
	"errors"
	"sync"
	"time"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/digest"
	"tandem/rtc/sip"
)

// logins are what proves to trunks who we are. A login is kept with the trunk's
// last challenge, so that only the first call is challenged.
type logins struct {
	mu sync.Mutex
	by map[string]login // by the trunk's name
}

type login struct {
	digest gateways.Digest
	client *digest.Client
}

// of is the login for a trunk, nil for one that asks for none.
func (l *logins) of(t *gateways.Trunk) *digest.Client {
	if t == nil || t.Digest.User == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.by[t.Name]; ok && have.digest == t.Digest {
		return have.client
	}
	d := t.Digest
	client := digest.NewClient(func(realm string) (digest.Login, bool) {
		return digest.Login{User: d.User, Password: string(d.Secret)}, d.Realm == "" || d.Realm == realm
	})
	if l.by == nil {
		l.by = make(map[string]login)
	}
	l.by[t.Name] = login{d, client}
	return client
}

// seize takes a channel of the leg's trunk; false when all are taken.
func (l *leg) seize() bool {
	if l.trunk == nil || l.seized {
		return true
	}
	l.seized = l.trunk.Seize(l.direction())
	return l.seized
}

// direction of the leg's call on its trunk.
func (l *leg) direction() gateways.Direction {
	if l.way.URI == "" { // the caller's
		return gateways.In
	}
	return gateways.Out
}

// release gives the channel back.
func (l *leg) release() {
	if l.seized {
		l.seized = false
		l.trunk.Release(l.direction())
	}
}

// observe tells the leg's trunk what was heard of it, or that nothing was.
func (l *leg) observe(m *sip.Message, err error) {
	var st *rtc.Status
	switch {
	case l.trunk == nil:
	case m != nil:
		seconds, _ := m.RetryAfter()
		l.trunk.Answered(m.StatusCode(), time.Duration(seconds)*time.Second)
	case errors.Is(err, dialog.ErrCanceled), errors.As(err, &st): // it was not asked
	case err != nil:
		l.trunk.Missed("no answer to a call: " + err.Error())
	}
}
