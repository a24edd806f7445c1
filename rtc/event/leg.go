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
	unique := n.tagFor(m)
	tag := string(unique[:])
	seq, _ := m.CSeq()
	l := &leg{flow: r.Flow(), remoteSeq: seq, secure: strings.HasPrefix(strings.ToLower(string(m.RequestURI())), "sips:")}
	if r.Identity != nil {
		l.peer, l.secret = r.Identity.Peer, r.Identity.Secret
	}
	room := buffers.Get().(*[]byte)
	text := newTexts((*room)[:0])
	text.add(&l.callID, m.CallID())
	var from [256]byte
	text.add(&l.from, uac.AppendTagged(from[:0], m.Get(sip.HdrTo), tag))
	text.add(&l.to, m.Get(sip.HdrFrom))
	text.add(&l.target, target)
	if m.Has(sip.HdrRecordRoute) {
		var routes []string
		for route := range m.Values(sip.HdrRecordRoute) { // in order
			routes = append(routes, string(route))
		}
		text.add(&l.routes, []byte(strings.Join(routes, ", ")))
	}
	*room = text.share()
	giveBack(room)
	l.local, l.remote = tagIn(l.from, tag), tagIn(l.to, string(m.FromTag()))
	return l, nil
}

// texts has the texts of a dialog stand in one string: half a million of them
// have to fit.
type texts struct {
	b    []byte
	to   [6]*string
	size [6]int
	n    int
}

func newTexts(room []byte) texts { return texts{b: room} }

func (t *texts) add(to *string, text []byte) {
	t.to[t.n], t.size[t.n] = to, len(text)
	t.b = append(t.b, text...)
	t.n++
}

// share returns the room, for others.
func (t *texts) share() []byte {
	all := string(t.b)
	for i := range t.n {
		*t.to[i], all = all[:t.size[i]], all[t.size[i]:]
	}
	return t.b
}

// tagIn is a tag, as a part of the header it stands in.
func tagIn(header, tag string) string {
	if i := strings.LastIndex(header, tag); i >= 0 {
		return header[i : i+len(tag)]
	}
	return strings.Clone(tag)
}

// contactOf is the URI of the one Contact a SUBSCRIBE has.
func contactOf(m *sip.Message) ([]byte, error) {
	for v := range m.Values(sip.HdrContact) {
		if a, err := sip.ParseNameAddr(v); err == nil && !a.Star && len(a.URI) > 0 {
			return a.URI, nil
		}
		break
	}
	return nil, &rtc.Status{Code: 400, Reason: "Missing or Bad Contact"}
}

// read takes over the texts that were kept.
func (l *leg) read(st *Stored) {
	room := buffers.Get().(*[]byte)
	text := newTexts((*room)[:0])
	for _, x := range []struct {
		to   *string
		text string
	}{{&l.callID, st.CallID}, {&l.from, st.From}, {&l.to, st.To}, {&l.target, st.Target}, {&l.routes, st.Routes}} {
		text.add(x.to, []byte(x.text))
	}
	*room = text.share()
	giveBack(room)
	l.local, l.remote = tagIn(l.from, st.Local), tagIn(l.to, st.Remote)
}

// join enters a subscription of the dialog.
func (l *leg) join(s *subscription) {
	l.mu.Lock()
	s.sibling, l.first = l.first, s
	l.mu.Unlock()
}

// empty reports whether no subscription has joined, or all have left.
func (l *leg) empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first == nil
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
