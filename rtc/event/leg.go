package event

import (
	"strings"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// newLeg is the dialog that a SUBSCRIBE begins (RFC 3261 §12.1.1).
func (n *Notifier) newLeg(r *rtc.Request) (*leg, error) {
	m := r.Message
	target, err := contactOf(m)
	if err != nil {
		return nil, err
	}
	tag := n.tagFor(m)
	seq, _ := m.CSeq()
	l := &leg{target: target, flow: r.Flow(), remoteSeq: seq, secure: strings.HasPrefix(strings.ToLower(string(m.RequestURI())), "sips:")}
	l.callID, l.local, l.remote = string(m.CallID()), tag, string(m.FromTag())
	l.from, l.to = string(uac.Tagged(m.Get(sip.HdrTo), tag)), string(m.Get(sip.HdrFrom))
	if r.Identity != nil {
		l.peer = r.Identity.Peer
	}
	var routes []string
	for route := range m.Values(sip.HdrRecordRoute) { // in order
		routes = append(routes, string(route))
	}
	l.routes = strings.Join(routes, ", ")
	l.share()
	return l, nil
}

// contactOf is the URI of the one Contact a SUBSCRIBE has.
func contactOf(m *sip.Message) (string, error) {
	for v := range m.Values(sip.HdrContact) {
		if a, err := sip.ParseNameAddr(v); err == nil && !a.Star && len(a.URI) > 0 {
			return string(a.URI), nil
		}
		break
	}
	return "", &rtc.Status{Code: 400, Reason: "Missing or Bad Contact"}
}

// share has the texts of a dialog stand in one string: half a million of them
// have to fit.
func (l *leg) share() {
	var b strings.Builder
	parts := []*string{&l.callID, &l.from, &l.to, &l.routes}
	for _, p := range parts {
		b.WriteString(*p)
	}
	all := b.String()
	for _, p := range parts {
		*p, all = all[:len(*p)], all[len(*p):]
	}
	if i := strings.LastIndex(l.from, l.local); i >= 0 {
		l.local = l.from[i : i+len(l.local)]
	}
	if i := strings.LastIndex(l.to, l.remote); i >= 0 {
		l.remote = l.to[i : i+len(l.remote)]
	}
}

// join enters a subscription of the dialog.
func (l *leg) join(s *subscription) {
	l.mu.Lock()
	s.sibling, l.first = l.first, s
	l.mu.Unlock()
}

// leave takes one out and reports whether it was the last.
func (l *leg) leave(s *subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := &l.first; *at != nil; at = &(*at).sibling {
		if *at == s {
			*at = s.sibling
			break
		}
	}
	return l.first == nil
}
