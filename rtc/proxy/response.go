package proxy

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

var reasonElsewhere = []byte(`SIP;cause=200;text="Call completed elsewhere"`)

// answer is the final response being handled; it is valid while its handler runs.
type answer struct {
	branch int
	m      *sip.Message
}

// keep copies the answer so that it outlives its handler.
func (a *answer) keep(f *forward) {
	if a != nil && a.m != nil {
		f.branches[a.branch].final = bytes.Clone(a.m.Bytes())
	}
}

// Response implements transaction.ClientTU (RFC 3261 §16.7).
func (f *forward) Response(c *transaction.Client, m *sip.Message) {
	i := f.index(c)
	code := m.StatusCode()
	switch {
	case i < 0:
		if f.user != nil {
			f.user.late(m)
		}
		return
	case oneElement(m, sip.HdrVia): // it cannot be relayed: the peer lost the other Vias
		if code < 200 {
			return
		}
		f.end(i, 502)
		f.advance(nil)
	case code < 200:
		f.provisional(i, m)
		return
	case code < 300:
		f.success(i, m)
	default:
		f.failure(i, m)
	}
	f.release()
}

// provisional relays the response at once (step 5) and gives the branch more time (step
// 2).
func (f *forward) provisional(i int, m *sip.Message) {
	b := &f.branches[i]
	if b.timerC != nil {
		b.deadline = time.Now().Add(f.p.cfg.TimerC)
	}
	if !f.s.Final() {
		f.relay(i, m)
	}
}

// success relays the response at once and cancels the other branches (steps 5 and 10).
func (f *forward) success(i int, m *sip.Message) {
	b := &f.branches[i]
	if b.placed() {
		f.p.res.Succeeded(b.cand)
	}
	c := b.client
	f.end(i, m.StatusCode())
	if f.plan.method == sip.INVITE {
		b.client = c // more 2xx may come by it
		f.relay(i, m)
		f.logAnswer(m.StatusCode())
	} else if !f.s.Final() {
		f.relay(i, m)
	}
	f.abandon(reasonElsewhere)
}

// failure handles a final response of 300 or more: it waits for the other branches,
// unless the same place can be reached in another way.
func (f *forward) failure(i int, m *sip.Message) {
	b := &f.branches[i]
	code := m.StatusCode()
	switch {
	case code == 503 && b.placed():
		f.p.res.Failed(b.cand, resolve.ErrUnavailable, retryAfter(m))
	case b.placed():
		f.p.res.Succeeded(b.cand)
	}
	overtime := b.state == overdue
	f.end(i, code)
	if (code == 503 || code == 430) && b.hunt == nil && f.tryElsewhere(i) { // RFC 3263 §4.3, RFC 5626 §5.3.1
		return
	}
	if b.hunt != nil && b.hunt.Next(code) {
		(&answer{i, m}).keep(f) // it may turn out to be the best one
		if f.tryElsewhere(i) {
			f.branches[i].code = code
			return
		}
	}
	if code >= 600 {
		f.abandon(nil) // step 5
	}
	if code < 400 && f.p.cfg.Recursion != RecurseNever && f.phase == open {
		if f.recurse(m) {
			f.branches[i].code = 0 // they are tried instead of it
		}
	}
	live := &answer{i, m}
	switch {
	case overtime && code == 487: // timer C cancelled it, not the caller
		f.branches[i].code = 408
		live = nil
	case code >= 600 && f.plan.method != sip.INVITE: // a non-INVITE cannot be cancelled, and no better response can come
		f.finish(live)
		return
	}
	if f.pending > 0 {
		live.keep(f)
		return
	}
	f.advance(live)
}

// Failed implements transaction.ClientTU: a timeout counts as 408, a failed transport
// as 503 (§16.9).
func (f *forward) Failed(c *transaction.Client, err error) {
	i := f.index(c)
	if i < 0 {
		return
	}
	b := &f.branches[i]
	code := b.unreachable()
	if errors.Is(err, transaction.ErrTimeout) {
		code = 408
	}
	if b.placed() && !errors.Is(err, transaction.ErrCanceled) {
		f.p.res.Failed(b.cand, err, 0)
	}
	if f.p.debug() {
		f.p.log.Debug("branch failed", "call_id", string(f.request().CallID()), "code", code, "err", err)
	}
	f.end(i, code)
	if !f.tryElsewhere(i) {
		f.advance(nil)
	}
	f.release()
}

// unheard tries another place for branch i when the first sent nothing back: with timer
// B alone the caller would hear nothing for 32 s. If the first place still answers it
// is cancelled; a 200 that crosses the CANCEL is relayed like any other.
func (f *forward) unheard(i int) {
	b := &f.branches[i]
	b.silence = nil
	c := b.client
	if b.state != active || !c.Unheard() || f.phase != open || f.s.Final() {
		return
	}
	if b.placed() {
		f.p.res.Failed(b.cand, transaction.ErrTimeout, 0)
	}
	f.end(i, 408)
	c.Cancel(nil)
	if !f.tryElsewhere(i) {
		f.advance(nil)
	}
	f.release()
}

// tryElsewhere sends branch i to the next candidate, or a spare of its instance or
// route, after the place where it went could not serve it.
func (f *forward) tryElsewhere(i int) bool {
	if f.phase != open || f.s.Final() {
		return false
	}
	b := &f.branches[i]
	if len(b.rest) > 0 {
		b.state = idle
		f.pending++
		if f.tryRest(i) {
			b.code = 0
			return true
		}
		b.state = ended
		f.pending--
	}
	for j := range f.branches {
		if s := &f.branches[j]; s.state == idle && s.Spare && s.alternates(&b.target) {
			s.Spare, s.breadth = false, b.breadth
			f.p.count(countedFailovers)
			f.start(j)
			if s.state != ended {
				b.code = 0
				return true
			}
		}
	}
	return false
}

// relay passes on a response of branch i to the caller.
func (f *forward) relay(i int, m *sip.Message) { relay(f.s, m, f.branches[i].by == routed) }

// relay passes on a response without our Via (steps 3 and 9). Its assertions of
// identity are believed only when the configuration chose the destination: a callee
// could claim to be somebody else (RFC 3325 §5).
func relay(s *transaction.Server, m *sip.Message, believed bool) {
	w := getWork()
	w.edit.Start(m)
	w.edit.PopVia()
	if !believed {
		unassert(&w.edit, m)
	}
	w.out = w.edit.Append(w.out[:0])
	s.Respond(m.StatusCode(), w.out)
	w.put()
}

// caller connects an INVITE's transactions with its forward. The transactions outlive
// the forward by half a minute, during which more 2xx may come.
type caller struct {
	f *forward // nil when it has ended
	s *transaction.Server
}

// Cancel implements rtc.Canceler (RFC 3261 §16.10): every branch is cancelled, and the
// best of their responses, usually 487, is relayed.
func (u *caller) Cancel(m *sip.Message) {
	if u.f != nil {
		u.f.cancel(m.Get(sip.HdrReason))
	}
}

// Response implements transaction.ClientTU.
func (u *caller) Response(c *transaction.Client, m *sip.Message) {
	if u.f != nil {
		u.f.Response(c, m)
	} else {
		u.late(m)
	}
}

// Failed implements transaction.ClientTU.
func (u *caller) Failed(c *transaction.Client, err error) {
	if u.f != nil {
		u.f.Failed(c, err)
	}
}

// late relays a repeated 2xx, or one from a fork further down: the caller gets every
// one (step 5).
func (u *caller) late(m *sip.Message) {
	if code := m.StatusCode(); code >= 200 && code < 300 && !oneElement(m, sip.HdrVia) {
		relay(u.s, m, false)
	}
}

func retryAfter(m *sip.Message) time.Duration {
	v := m.Get(sip.HdrRetryAfter)
	n := 0
	for n < len(v) && isDigit(v[n]) {
		n++
	}
	s, err := strconv.Atoi(string(v[:n]))
	if err != nil || s > 86400 {
		return 0
	}
	return time.Duration(s) * time.Second
}

func (f *forward) logAnswer(code int) {
	if f.p.debug() && f.kept != nil {
		f.p.log.Debug("call answered", "call_id", string(f.request().CallID()), "code", code)
	}
}
