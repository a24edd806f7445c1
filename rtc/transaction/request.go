package transaction

import (
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// request takes a well-formed request, on its lane.
func (ln *Lane) request(f transport.Flow, m *sip.Message) {
	via, _ := m.TopVia()
	method := m.Method()
	if _, _, _, mine := ln.l.readBranch(via.Branch); mine {
		ln.refuseOwn(f, m, &via)
		return
	}
	if ln.l.stateless[method] && method != sip.ACK && method != sip.CANCEL {
		ln.stateless(f, m, &via)
		return
	}
	ln.key = appendKey(ln.key[:0], m, &via, folded(method))
	h := ln.l.hash(ln.key)
	tx := ln.txs.find(h, ln.key)
	switch method {
	case sip.ACK:
		ln.ack(tx, h, f, m, &via)
		return
	case sip.CANCEL:
		ln.cancel(tx, f, m, &via)
		return
	}
	if tx != nil {
		tx.again()
		return
	}
	if resp := ln.past.lookup(h, ln.key); resp != nil {
		// RFC 3261 §17.2.2, Completed; or an INVITE that was refused once.
		ln.reply(f, ln.l.replyPort(f, &via), resp, nil)
		ln.l.retransmitted.Add(1)
		return
	}
	if !ln.l.admit(f, m) {
		ln.refuseLoad(f, m, &via)
		return
	}
	tx = &serverTx{hash: h}
	tx.init(ln, f, m, &via)
	tx.tx = tx
	tx.setKey(ln.key)
	tx.timer.owner = tx
	ln.insert(tx)
	if method == sip.INVITE {
		ln.hand(&tx.Server, m)
		tx.awaitTrying(m)
	} else {
		tx.guard()
		ln.hand(&tx.Server, m)
	}
}

// stateless gives the TU a request for which nothing is remembered.
func (ln *Lane) stateless(f transport.Flow, m *sip.Message, via *sip.Via) {
	if !ln.l.admit(f, m) {
		ln.key = appendKey(ln.key[:0], m, via, m.Method())
		ln.refuseLoad(f, m, via)
		return
	}
	ln.pass(f, m, via)
}

// pass hands m to the TU with a Server that remembers nothing.
func (ln *Lane) pass(f transport.Flow, m *sip.Message, via *sip.Via) {
	s := new(Server)
	s.init(ln, f, m, via)
	ln.hand(s, m)
}

// hand tells the TU of a request. The transport survives a handler that panics;
// so that its transaction does not stay for ever, it is answered 500.
func (ln *Lane) hand(s *Server, m *sip.Message) {
	done := false
	defer func() {
		if !done && !s.final {
			ln.scratch = sip.AppendResponse(ln.scratch[:0], m, sip.Response{Code: 500, ToTag: ln.l.tagOf(m)})
			s.Respond(500, ln.scratch)
		}
		s.m = nil
	}()
	ln.l.tu.Request(s, m)
	done = true
}
