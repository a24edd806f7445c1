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

// forward is one request under way: the response context of RFC 3261 §16. All of it
// belongs to the lane of the request. Its life:
//
//	begin ── targets ──▶ branches, all idle
//	  advance           the highest q not tried starts, when nothing is awaited
//	    start           idle ─▶ locating ─▶ active     (resolver, then send)
//	    Response 1xx    relayed at once
//	    Response 2xx    relayed at once; closed, the other branches are cancelled
//	    Response 3xx+   kept; recurse may add branches; otherwise the next address or
//	    Failed          a spare is tried when the place failed; else the branch ends
//	    timer C         active ─▶ overdue ─▶ ended with 408
//	    CANCEL          hungUp: no branch starts, those under way are cancelled
//	  finish            nothing is awaited or left: the best response is relayed
//	release             back to the pool; its caller handles later 2xx of an INVITE
type forward struct {
	p    *Proxy
	s    *transaction.Server
	lane *transaction.Lane
	plan plan

	tu   transaction.ClientTU // handles the responses of its branches
	user *caller              // nil for other methods than INVITE

	m    *sip.Message // the request while its handler runs, then nil
	kept *kept        // the bytes of m after the handler has returned

	branches []branch
	inline   [2]branch
	pending  int // branches that will still report something
	phase    phase
}

// phase is the state of a forward.
type phase uint8

const (
	open   phase = iota // branches may start
	closed              // no branch may start any more
	hungUp              // closed because the caller has cancelled
)

// close prevents further branches from starting.
func (f *forward) close(p phase) { f.phase = max(f.phase, p) }

// branch is one copy of the request.
type branch struct {
	target
	client   *transaction.Client
	cand     resolve.Candidate   // where it went; zero when it went over a flow
	rest     []resolve.Candidate // where it goes next if that fails
	breadth  breadth             // its share of the request's breadth
	deadline time.Time           // when timer C fires
	timerC   *transaction.Timer
	silence  *transaction.Timer // limits how long the next hop may say nothing
	gone     *bool              // set when the result of a look-up is no longer needed
	state    branchState
	code     int    // its final status code; 0 when it has none that counts
	final    []byte // the final response, if it had to be kept
}

type branchState uint8

const (
	idle     branchState = iota
	locating             // the resolver is looking for its address
	active               // sent
	overdue              // cancelled because of timer C
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
	f.plan = *pl // including what targets found out
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

// add puts a target into the set without sending to it.
func (f *forward) add(t target) {
	f.branches = append(f.branches, branch{target: t})
}

// addDevice adds a target that leads to a user's device.
func (f *forward) addDevice(w reach.Way) { f.add(target{Way: w, by: device}) }

// advance starts the next branches when no response is awaited, and ends the forward
// when there are none left. live is the response being handled, or nil.
func (f *forward) advance(live *answer) {
	for f.pending == 0 {
		if f.phase != open || !f.startGroup(live) {
			f.finish(live)
			return
		}
		live = nil // startGroup has kept it
	}
}

// startGroup starts the branches of the highest q not tried yet, as many at a time as
// Max-Breadth allows (RFC 5393 §5.3). It reports whether there were any.
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

// start finds out where branch i goes.
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
	case b.by == device: // other addresses of bindings are known not to be ours
		f.found(i, uri.Host, cands)
	default:
		f.located(i, cands)
	}
	w.put()
}

// found removes our own addresses from the candidates: a request that we sent to
// ourselves would come back from an address of ours, which may be trusted.
func (f *forward) found(i int, host []byte, cands []resolve.Candidate) {
	others := slices.DeleteFunc(cands, func(c resolve.Candidate) bool { return f.p.tr.Own(c.Target) })
	if len(others) == 0 && len(cands) > 0 {
		f.p.log.Warn("next hop is this server itself; name it under domains or names", "call_id", string(f.request().CallID()), "peer", string(host))
		f.end(i, 482)
		return
	}
	f.located(i, others)
}

// lookup asks the resolver. A branch waits for nothing else before it is sent.
func (f *forward) lookup(i int, uri sip.URI) {
	host := append([]byte(nil), uri.Host...)
	gone, lane := new(bool), f.lane
	f.branches[i].gone = gone
	f.p.res.Lookup(uri, func(cands []resolve.Candidate, err error) {
		lane.Do(func() {
			if *gone {
				return // the branch was cancelled, and f may serve another request now
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

// located tries the candidates in their order.
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

// unreachable returns the code of a branch that could not be sent. For a device the
// caller gets 480 in the end, since it is the callee who cannot be reached.
func (b *branch) unreachable() (code int) {
	if b.by == device {
		return 430
	}
	return 503
}

// tryRest sends branch i to the next candidate that accepts it.
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

// await gives a connection a moment to open before UDP is tried for the same place.
// Nothing is sent until then, so the request cannot arrive twice.
func (f *forward) await(i int, flow transport.Flow, end time.Time) {
	gone := new(bool)
	f.branches[i].gone = gone
	f.lane.After(resolve.PatienceStep, func() {
		if *gone {
			return // the branch was cancelled, and f may serve another request now
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

// listener returns the listener that sends the request: the one of our own Route, since
// the next hop knows that address and may accept no other; otherwise the one that
// received the request.
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

// send makes the copy for branch i and its client transaction (§16.6 steps 8 to 11).
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

// end ends branch i with a final status code. Keeping the response itself is up to the
// caller.
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

// settle continues the forward after an event outside the handler.
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
