package proxy

import (
	"tandem/rtc/sip"
)

// finish answers with the best of the final responses (RFC 3261 §16.7 step 6).
func (f *forward) finish(live *answer) {
	if f.s.Final() {
		return
	}
	best := -1
	for i := range f.branches {
		b := &f.branches[i]
		if b.code >= 300 && (best < 0 || f.rank(b.code) < f.rank(f.branches[best].code)) {
			best = i
		}
	}
	if best < 0 {
		f.give(480)
		return
	}
	b := &f.branches[best]
	code := b.code
	switch {
	case f.phase == hungUp && (code == 408 || code >= 500 && code < 600):
		f.give(487)
	case code == 408 && f.plan.method != sip.INVITE:
		// RFC 4320 §4.1: the client has timed out itself by now.
	case code == 503 && b.final == nil && (live == nil || live.branch != best): // §16.9
		f.respond(500, "Destination Unreachable", nil)
	case code == 503: // it concerns that server, not this one (step 6)
		f.give(500)
	case code == 430: // this proxy is the one that has to try another flow (RFC 5626 §5.3.1)
		f.give(480)
	case live != nil && live.branch == best:
		f.pass(best, live.m)
	case b.final != nil:
		var m sip.Message
		m.Parse(b.final) // it has been parsed before
		if live != nil && isChallenge(f.branches[live.branch].code) {
			live.keep(f)
		}
		f.pass(best, &m)
	default:
		f.give(code)
	}
}

// give sends a response of our own.
func (f *forward) give(code int) { f.respond(code, "", nil) }

// rank orders final responses, the best one lowest: 6xx first, then the lowest class.
// Within 4xx it prefers those after which the caller can try again with success.
func (f *forward) rank(code int) int {
	if f.phase == hungUp && code == 487 {
		return 0
	}
	if code >= 600 {
		return code
	}
	class, within := code/100, 50
	switch code {
	case 401, 407:
		within = 0
	case 415, 420, 484:
		within = 10
	case 404, 410, 480, 604: // nobody was there, while another branch reached somebody
		within = 60
	case 408, 430, 487:
		within = 70
	case 503:
		within = 80
	}
	return 1000*class + within
}

func isChallenge(code int) bool { return code == 401 || code == 407 }

// pass relays the best response. A challenge carries the challenges of all branches, so
// that the caller can answer them together (step 7).
func (f *forward) pass(best int, m *sip.Message) {
	others := false
	for i := range f.branches {
		b := &f.branches[i]
		others = others || i != best && b.final != nil && isChallenge(b.code)
	}
	if !others || !isChallenge(f.branches[best].code) {
		f.relay(best, m)
		return
	}
	w := getWork()
	w.edit.Start(m)
	w.edit.PopVia()
	if f.branches[best].by != routed {
		unassert(&w.edit, m)
	}
	for i := range f.branches {
		if b := &f.branches[i]; i != best && b.final != nil && isChallenge(b.code) {
			var other sip.Message
			other.Parse(b.final)
			for n := range other.Len() {
				if h := other.At(n); h.ID == sip.HdrWWWAuthenticate || h.ID == sip.HdrProxyAuthenticate {
					w.edit.Add(h.ID, h.Value)
				}
			}
		}
	}
	w.out = w.edit.Append(w.out[:0])
	f.s.Respond(m.StatusCode(), w.out)
	w.put()
}
