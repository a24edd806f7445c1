package proxy

import (
	"errors"
	"slices"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// forward is one request under way: the response context of RFC 3261 §16.
// Everything in it belongs to the lane of the request. Its life:
//
//	begin ── targets ──▶ branches, all idle
//	  advance           the highest q not tried starts, when nothing is awaited
//	    start           idle ─▶ locating ─▶ active     (resolver, then send)
//	    Response 1xx    goes up at once
//	    Response 2xx    goes up at once; closed, the others are cancelled
//	    Response 3xx+   kept; recurse may add branches; at the next address or with
//	    Failed          a spare when the place failed; else the branch has ended
//	    timer C         active ─▶ overdue ─▶ ended with 408
//	    CANCEL          hungUp: no branch begins, those under way are cancelled
//	  finish            nothing is awaited, none is left: the best answer goes up
//	release             back to the pool; further 2xx of an INVITE are its caller's
type forward struct {
	p    *Proxy
	s    *transaction.Server
	lane *transaction.Lane
	plan plan

	tu   transaction.ClientTU // of its branches
	user *caller              // nil unless INVITE

	m    *sip.Message // the request while its handler runs, then nil
	kept *kept        // its bytes afterwards

	branches []branch
	inline   [2]branch
	pending  int // branches that will still say something
	phase    phase
}

// phase is how far a forward has come.
type phase uint8

const (
	open   phase = iota // branches may begin
	closed              // none may any more
	hungUp              // closed, because the caller has hung up
)

// close lets no branch begin any more.
func (f *forward) close(p phase) { f.phase = max(f.phase, p) }

// branch is one copy of the request on its way.
type branch struct {
	target
	client   *transaction.Client
	cand     resolve.Candidate   // where it went; zero when it went by a flow
	rest     []resolve.Candidate // where it may go when that fails
	breadth  breadth             // its share of the request's
	deadline time.Time           // of timer C
	timerC   *transaction.Timer
	silence  *transaction.Timer // for how long it may say nothing
	gone     *bool              // set when a look-up is not waited for any more
	state    branchState
	code     int    // its final answer; 0 when it has none that counts
	final    []byte // the answer itself, when it had to be kept
}

type branchState uint8

const (
	idle     branchState = iota
	locating             // waits for the resolver
	active               // sent
	overdue              // cancelled by timer C
	ended
)

// placed reports whether the resolver chose where the branch went.
func (b *branch) placed() bool { return b.cand.Target.Addr.IsValid() }

var forwards = sync.Pool{New: func() any { return new(forward) }}

// begin sends a request on its way (RFC 3261 §16.5 and §16.6).
func (p *Proxy) begin(r *rtc.Request, pl *plan) error {
	f := forwards.Get().(*forward)
	f.p, f.s, f.lane, f.m = p, r.Tx, r.Tx.Lane(), r.Message
	f.branches, f.tu = f.inline[:0], f
	if err := p.targets(r, pl, f); err != nil {
		f.recycle()
		return err
	}
	f.plan = *pl // with what targets found out
	p.count(countedRequests)
	if pl.method == sip.INVITE {
		f.user = &caller{f, f.s}
		f.tu, f.s.User = f.user, f.user // rtc.Canceler
		if !p.cfg.LateTrying {
			f.respond(100, "", nil)
		}
	}
	f.advance(nil)
	if f.pending > 0 {
		f.keepRequest()
	}
	f.m = nil
	f.release()
	return nil
}

// add puts a target into the set; it is not sent to yet.
func (f *forward) add(t target) {
	f.branches = append(f.branches, branch{target: t})
}

// addDevice adds a way to a device of a user.
func (f *forward) addDevice(w reach.Way) { f.add(target{Way: w, by: device}) }

// advance begins the next branches when none is left to wait for, and ends the
// forward when there are no more. live is the response at hand, nil when none is.
func (f *forward) advance(live *answer) {
	for f.pending == 0 {
		if f.phase != open || !f.startGroup(live) {
			f.finish(live)
			return
		}
		live = nil // it has been kept
	}
}

// startGroup begins all branches of the highest q not tried yet, as many at a
// time as Max-Breadth allows (RFC 5393 §5.3). It reports whether there was one.
func (f *forward) startGroup(live *answer) bool {
	n, first := 0, -1
	for i := range f.branches {
		b := &f.branches[i]
		if b.state != idle || b.Spare {
			continue
		}
		if first < 0 || b.Q > f.branches[first].Q {
			first, n = i, 0
		}
		if b.Q == f.branches[first].Q {
			n++
		}
	}
	if first < 0 {
		return false
	}
	live.keep(f)
	if f.plan.breadth == 0 {
		f.close(closed)
		f.branches[first].state, f.branches[first].code = ended, 440
		return true
	}
	n = min(n, f.plan.breadth.copies())
	q, share := f.branches[first].Q, f.plan.breadth.share(n)
	for i := first; i < len(f.branches) && n > 0; i++ {
		if b := &f.branches[i]; b.state == idle && !b.Spare && b.Q == q && f.phase == open {
			b.breadth = share
			f.start(i)
			n--
		}
	}
	return true
}

// start begins branch i: where does it go?
func (f *forward) start(i int) {
	b := &f.branches[i]
	f.pending++
	if b.Flow != noFlow {
		if err := f.p.permit(&f.plan, &b.target, b.Flow.Remote); err != nil {
			f.denied(i, err)
			return
		}
		f.send(i, b.Flow)
		return
	}
	uri, ok := f.nextHop(b)
	if !ok {
		f.end(i, 503)
		return
	}
	b.state = locating
	w := getWork()
	cands, ok := f.p.res.Numeric(w.cands[:0], uri)
	w.cands = cands
	switch {
	case !ok:
		if err := f.p.permitName(&f.plan, &b.target, uri); err != nil {
			f.denied(i, err)
		} else {
			f.lookup(i, uri)
		}
	case b.by == device: // of other addresses it is known that they are not ours
		f.found(i, uri.Host, cands)
	default:
		f.located(i, cands)
	}
	w.put()
}

// found leaves out our own places: what is sent to ourselves would come back as
// from one of our addresses, which may be trusted.
func (f *forward) found(i int, host []byte, cands []resolve.Candidate) {
	others := slices.DeleteFunc(cands, func(c resolve.Candidate) bool { return f.p.tr.Own(c.Target) })
	if len(others) == 0 && len(cands) > 0 {
		f.p.log.Warn("next hop is this server itself; name it under domains or names", "call_id", string(f.request().CallID()), "peer", string(host))
		f.end(i, 482)
		return
	}
	f.located(i, others)
}

// lookup asks the resolver, the only wait there is.
func (f *forward) lookup(i int, uri sip.URI) {
	host := append([]byte(nil), uri.Host...)
	gone, lane := new(bool), f.lane
	f.branches[i].gone = gone
	f.p.res.Lookup(uri, func(cands []resolve.Candidate, err error) {
		lane.Do(func() {
			if *gone {
				return // cancelled meanwhile, and f may serve another request
			}
			f.branches[i].gone = nil
			if err != nil && f.p.debug() {
				f.p.log.Debug("next hop not found", "call_id", string(f.request().CallID()), "err", err)
			}
			if f.phase != open {
				f.end(i, 0)
			} else {
				f.found(i, host, cands)
			}
			f.settle()
		})
	})
}

// located tries the places found, first the first.
func (f *forward) located(i int, cands []resolve.Candidate) {
	b := &f.branches[i]
	for _, c := range cands {
		if err := f.p.permitPlace(&f.plan, &b.target, c.Target.Addr); err != nil {
			f.denied(i, err)
			return
		}
	}
	cands = f.p.res.Large(cands, f.size(b))
	if len(cands) > 1 {
		b.rest = append([]resolve.Candidate(nil), cands[1:]...)
	}
	if len(cands) == 0 || !f.try(i, cands[0]) && !f.tryRest(i) {
		f.end(i, b.unreachable()) // RFC 3261 §16.9
	}
}

// unreachable is what a branch ends with that could not be sent: for a device
// 480 in the end, since it is the callee who is not there.
func (b *branch) unreachable() (code int) {
	if b.by == device {
		return 430
	}
	return 503
}

// tryRest sends branch i to the next place that takes it.
func (f *forward) tryRest(i int) bool {
	b := &f.branches[i]
	for len(b.rest) > 0 {
		c := b.rest[0]
		b.rest = b.rest[1:]
		if f.try(i, c) {
			f.p.count(countedFailovers)
			return true
		}
	}
	return false
}

func (f *forward) try(i int, c resolve.Candidate) bool {
	to := c.Target
	if to.Via == nil {
		to.Via = f.plan.listener(to)
	}
	flow, err := f.p.tr.Flow(to)
	if err != nil {
		f.p.res.Failed(c, err, 0)
		return false
	}
	b := &f.branches[i]
	b.cand = c
	if c.Race && len(b.rest) > 0 && !flow.Open() {
		b.state = locating
		f.await(i, flow, time.Now().Add(resolve.Patience))
	} else {
		f.send(i, flow)
	}
	return true
}

// await gives a connection a moment to open before the same place is tried by UDP.
// Nothing has been sent until then, so that the request arrives once.
func (f *forward) await(i int, flow transport.Flow, end time.Time) {
	gone := new(bool)
	f.branches[i].gone = gone
	f.lane.After(resolve.PatienceStep, func() {
		if *gone {
			return // cancelled meanwhile, and f may serve another request
		}
		b := &f.branches[i]
		b.gone = nil
		switch {
		case f.phase != open:
			f.end(i, 0)
		case flow.Open():
			f.send(i, flow)
		case flow.Alive() && time.Now().Before(end):
			f.await(i, flow, end)
			return
		default:
			f.p.res.Failed(b.cand, errSlow, 0)
			if !f.tryRest(i) {
				f.end(i, b.unreachable())
			}
		}
		f.settle()
	})
}

var errSlow = errors.New("the connection was not open in time")

// listener is the one to leave by: that of our own Route, by which the next hop
// knows us (its phone may listen to nobody else), else the one the request came to.
func (pl *plan) listener(to transport.Target) *transport.Listener {
	if l := fitting(pl.via, to); l != nil {
		return l
	}
	return fitting(pl.in.Listener(), to)
}

func fitting(l *transport.Listener, to transport.Target) *transport.Listener {
	if l == nil || l.Proto() != to.Proto {
		return nil
	}
	a, b := l.Addr().Addr().Unmap(), to.Addr.Addr().Unmap()
	if a.Is4() != b.Is4() || a.IsLoopback() != b.IsLoopback() {
		return nil
	}
	return l
}

// send makes the copy for branch i and its client transaction (§16.6 step 8 to 11).
func (f *forward) send(i int, flow transport.Flow) {
	b := &f.branches[i]
	c := f.lane.Client(f.plan.method, f.tu)
	w := getWork()
	out := f.p.build(w, f.request(), &f.plan, &b.target, b.breadth, flow, c)
	b.client, b.state = c, active
	if f.plan.method == sip.INVITE {
		f.armTimerC(i)
		if len(b.rest) > 0 || b.by == routed || b.hunt != nil || b.by == device && b.Instance != "" {
			b.silence = f.lane.After(f.p.cfg.Failover, func() { f.unheard(i) })
		}
	}
	f.p.count(countedBranches)
	c.Send(flow, out)
	w.put()
}

// end ends branch i with a final answer of code, whose bytes, if any, are the
// caller's matter.
func (f *forward) end(i, code int) {
	b := &f.branches[i]
	b.timerC.Stop()
	b.silence.Stop()
	b.timerC, b.silence, b.client = nil, nil, nil
	if b.gone != nil {
		*b.gone, b.gone = true, nil
	}
	if b.state != ended {
		b.state = ended
		f.pending--
	}
	b.code = code
}

// settle goes on after something happened outside the handler.
func (f *forward) settle() {
	f.advance(nil)
	f.release()
}

func (f *forward) index(c *transaction.Client) int {
	for i := range f.branches {
		if f.branches[i].client == c {
			return i
		}
	}
	return -1
}
