package transaction

import (
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Client is a client transaction.
type Client struct {
	// User is the TU's own state of this transaction.
	User any

	ln       *Lane
	tu       ClientTU
	flow     transport.Flow
	req      *buffer // the request; of a refused INVITE the ACK
	timer    Timer
	interval time.Duration // timer A or E
	end      time.Duration // timer B or F, on the layer's clock
	cancel   *Client       // the CANCEL of this INVITE
	reason   []byte        // for the CANCEL
	slot     uint32
	gen      uint32
	method   sip.Method
	state    clientState
	stream   bool
	repeated bool // the request was sent more than once
	hangUp   bool // Cancel was called
}

// clientState is where a client machine stands.
type clientState uint8

const (
	unborn    clientState = iota // Send not called yet
	calling                      // INVITE: Calling; others: Trying
	ringing                      // Proceeding
	refused                      // INVITE: Completed, the ACK is repeated
	connected                    // INVITE: Accepted (RFC 6026 §7.2)
	terminatedClient
)

// Client makes a client transaction for a request of that method; it has its
// branch at once and begins with Client.Send. One that is never sent must be
// given back by Abandon. Only on the lane.
func (ln *Lane) Client(method sip.Method, tu ClientTU) *Client {
	c := new(Client)
	ln.Open(c, method, tu)
	return c
}

// Open is Client with a transaction that the caller has and that was never used, or was
// emptied when it was Spent: for one that is part of what its TU keeps.
func (ln *Lane) Open(c *Client, method sip.Method, tu ClientTU) {
	c.ln, c.tu, c.method = ln, tu, method
	c.timer.owner = c
	ln.occupy(c)
}

// AppendBranch appends the Via branch, "z9hG4bK…", BranchLen octets; tail is
// appended to it (the proxy's loop-detection hash) and ignored in matching.
func (c *Client) AppendBranch(dst, tail []byte) []byte {
	return append(c.ln.l.appendBranch(dst, c.ln.index, c.slot, c.gen), tail...)
}

// Send begins the transaction with complete request bytes (copied). The top Via
// must carry the branch. A second Send does nothing.
func (c *Client) Send(f transport.Flow, b []byte) {
	if c.state != unborn {
		return
	}
	c.state = calling
	c.flow = f
	c.stream = c.ln.l.wire.Proto(f).Stream()
	c.req = c.ln.l.buffers.keep(b)
	now := c.ln.l.now()
	c.end = now + 64*c.ln.l.cfg.T1
	if c.stream {
		c.ln.arm(&c.timer, c.end)
	} else {
		c.interval = c.ln.l.cfg.T1
		c.ln.arm(&c.timer, now+c.interval)
	}
	c.transmit()
}

// Lane it was made on.
func (c *Client) Lane() *Lane { return c.ln }

// Flow it was sent by.
func (c *Client) Flow() transport.Flow { return c.flow }

// Unheard says that nothing has come back, not even a 100.
func (c *Client) Unheard() bool { return c.state == calling }

// Spent reports that the transaction got its only answer and nothing refers to it any
// more. What was sent once as a datagram and was answered did leave, so that no failure
// to send it can come.
func (c *Client) Spent() bool { return c.state == terminatedClient && !c.stream && !c.repeated }

// Abandon stops retransmitting and waiting; no more calls to the TU.
func (c *Client) Abandon() { c.terminate() }

func (c *Client) transmit() { c.ln.send(c.flow, c.req.b, (*clientFailer)(c)) }

// repeat sends the request again, or the ACK of a refused INVITE.
func (c *Client) repeat() {
	c.ln.l.retransmitted.Add(1)
	c.repeated = true
	c.transmit()
}

func (c *Client) terminate() {
	if c.state == terminatedClient {
		return
	}
	c.state = terminatedClient
	c.timer.Stop()
	c.release()
	c.endCancel()
	c.reason = nil
	c.ln.vacate(c)
}

func (c *Client) release() {
	c.ln.l.buffers.put(c.req)
	c.req = nil
}

// fail ends the transaction and tells the TU.
func (c *Client) fail(err error) {
	c.terminate()
	if c.tu != nil {
		c.tu.Failed(c, err)
	}
}

func (c *Client) timeout(err error) {
	c.ln.l.timeouts.Add(1)
	c.fail(err)
}

func (c *Client) expire() {
	if c.method == sip.INVITE {
		c.expireInvite()
	} else {
		c.expireOther()
	}
}

// sendFailed: RFC 3261 §17.1.4. Once a final response has come the TU has what
// it asked for.
func (c *Client) sendFailed(err error) {
	if u := c.ln.l.cfg.Unsent; u != nil && c.req != nil {
		u(c.flow, c.req.b, err)
	}
	switch c.state {
	case calling, ringing:
		c.fail(&TransportError{err})
	case refused:
		c.terminate()
	}
}

// response finds the client transaction of a well-formed response
// (RFC 3261 §17.1.3) or decides what becomes of it.
func (l *Layer) response(out transport.Sink, f transport.Flow, m *sip.Message) {
	via, ok := m.TopVia()
	if !ok {
		return
	}
	ln, n, gen, ours := l.readBranch(via.Branch)
	if !ours {
		// RFC 3261 §18.1.2: one whose top Via is not ours is discarded.
		if !l.wire.IsLocal(via.Host, via.Port) {
			l.malformed.Add(1)
			l.log.Debug("response for somebody else", "peer", f.Remote)
			return
		}
		l.stray(out, f, m)
		return
	}
	ln.enter(out)
	c := ln.client(n, gen)
	if c != nil {
		defer ln.leave()
		c.response(m)
		return
	}
	ln.leave()
	// The transaction has ended. Late copies of what it delivered are absorbed
	// (timer K); only an INVITE's answer still matters to somebody.
	if m.Method() == sip.INVITE {
		l.stray(out, f, m)
	}
}

func (l *Layer) stray(out transport.Sink, f transport.Flow, m *sip.Message) {
	ln := l.Lane(m.CallID())
	ln.enter(out)
	defer ln.leave()
	l.tu.Stray(out, f, m)
}

// client returns the tenant of a slot if the generation is its.
func (ln *Lane) client(n, gen uint32) *Client {
	if uint64(n) >= uint64(len(ln.slots)) || ln.slots[n].gen != gen {
		return nil
	}
	return ln.slots[n].c
}

func (c *Client) response(m *sip.Message) {
	method := m.Method()
	switch {
	case c.state == unborn:
	case method == sip.CANCEL && c.method == sip.INVITE:
		// The CANCEL shares the branch of its INVITE.
		if c.cancel != nil {
			c.cancel.respondedOther(m)
		}
	case method != c.method:
		// RFC 3261 §17.1.3: the CSeq method must match.
	case c.method == sip.INVITE:
		c.respondedInvite(m)
	default:
		c.respondedOther(m)
	}
}
