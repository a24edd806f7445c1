package proxy

import (
	"hash/maphash"

	"tandem/rtc"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// ack forwards the ACK to a 2xx without state (RFC 3261 §16.11). There is no response
// to an ACK: one that cannot be sent is dropped.
func (p *Proxy) ack(r *rtc.Request) {
	var pl plan
	err := p.validate(r, &pl)
	if err == nil {
		err = p.preprocess(r.Message, &pl)
	}
	set := forwards.Get().(*forward) // only for its target set
	defer set.recycle()
	set.p, set.plan, set.m = p, pl, r.Message
	set.branches = set.inline[:0]
	if err == nil {
		err = p.targets(r, &pl, set)
	}
	if err != nil || len(set.branches) == 0 {
		if p.debug() {
			p.log.Debug("ACK dropped", "call_id", string(r.CallID()), "err", err)
		}
		return
	}
	for i := range set.branches { // several when the caller wrote the callee's address-of-record
		if b := &set.branches[i]; !b.Spare {
			p.ackBranch(r, &pl, set, b)
		}
	}
}

func (p *Proxy) ackBranch(r *rtc.Request, pl *plan, set *forward, b *branch) {
	if b.Flow != noFlow {
		if p.permit(pl, &b.target, b.Flow.Remote) == nil {
			p.sendAck(r.Tx.Lane(), r.Message, pl, &b.target, b.Flow)
		}
		return
	}
	uri, ok := set.nextHop(b)
	if !ok {
		return
	}
	w := getWork()
	cands, ok := p.res.Numeric(w.cands[:0], uri)
	if ok {
		p.ackTo(r.Tx.Lane(), r.Message, pl, &b.target, cands)
	}
	w.cands = cands
	w.put()
	if ok {
		return
	}
	late := &lateAck{m: r.Tx.Keep(), lane: r.Tx.Lane(), plan: *pl, target: b.target}
	p.res.Lookup(uri, func(cands []resolve.Candidate, err error) {
		late.lane.Do(func() { p.ackTo(late.lane, late.m, &late.plan, &late.target, cands) })
	})
}

// lateAck is an ACK that waits for the resolver.
type lateAck struct {
	m      *sip.Message
	lane   *transaction.Lane
	plan   plan
	target target
}

func (p *Proxy) ackTo(lane *transaction.Lane, m *sip.Message, pl *plan, t *target, cands []resolve.Candidate) {
	for _, c := range cands {
		if p.permitPlace(pl, t, c.Target.Addr) != nil {
			return
		}
	}
	for _, c := range cands {
		to := c.Target
		if to.Via == nil {
			to.Via = pl.listener(to)
		}
		if flow, err := p.tr.Flow(to); err == nil {
			p.sendAck(lane, m, pl, t, flow)
			return
		}
	}
}

func (p *Proxy) sendAck(lane *transaction.Lane, m *sip.Message, pl *plan, t *target, flow transport.Flow) {
	w := getWork()
	p.count(countedRequests)
	w.ack = statelessBranch{p, m}
	lane.Send(flow, p.build(w, m, pl, t, unsaid, flow, &w.ack))
	w.put()
}

// statelessBranch makes the branch of a request that is forwarded without state: it is
// unique to the request, the same for its retransmissions, and never that of a
// transaction of ours (RFC 3261 §16.11).
type statelessBranch struct {
	p *Proxy
	m *sip.Message
}

func (b *statelessBranch) AppendBranch(dst, tail []byte) []byte {
	var h maphash.Hash
	h.SetSeed(b.p.seed)
	via, _ := b.m.TopVia()
	h.Write(via.Branch)
	h.WriteByte(0)
	h.Write(via.Host)
	h.WriteByte(0)
	h.Write(b.m.CallID())
	h.WriteByte(0)
	h.Write(b.m.Get(sip.HdrCSeq))
	h.Write(b.m.FromTag())
	h.WriteByte(0)
	h.Write(b.m.ToTag())
	dst = append(dst, "z9hG4bK.s"...) // '.' does not occur in the branch of a transaction
	dst = appendLoop(dst, h.Sum64())
	return append(dst, tail...)
}
