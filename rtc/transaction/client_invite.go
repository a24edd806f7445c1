package transaction

import "tandem/rtc/sip"

// The INVITE client machine: RFC 3261 §17.1.1 as amended by RFC 6026 §7.2.

func (c *Client) respondedInvite(m *sip.Message) {
	code := m.StatusCode()
	switch c.state {
	case calling, ringing:
		switch {
		case code < 200:
			c.provisional(m, code)
		case code < 300:
			c.connect(m)
		default:
			c.refuse(m)
		}
	case refused:
		switch {
		case code >= 300:
			c.repeat() // the ACK was lost
		case code >= 200:
			// A fork further down connected after all; RFC 3261 §16.7 step 5.
			c.tu.Response(c, m)
		}
	case connected:
		if code >= 200 && code < 300 {
			c.tu.Response(c, m)
		}
	}
}

func (c *Client) provisional(m *sip.Message, code int) {
	if c.state == calling {
		// No timer runs in Proceeding: how long it may ring is the TU's matter (timer C).
		c.state = ringing
		c.timer.Stop()
		if c.hangUp {
			c.sendCancel()
		}
	}
	if code != 100 {
		c.tu.Response(c, m)
	}
}

func (c *Client) connect(m *sip.Message) {
	c.state = connected
	c.endCancel()
	c.release()
	c.ln.arm(&c.timer, c.ln.l.now()+64*c.ln.l.cfg.T1) // timer M
	c.tu.Response(c, m)
}

func (c *Client) refuse(m *sip.Message) {
	c.state = refused
	c.endCancel()
	c.acknowledge(m)
	if c.stream {
		c.terminate() // timer D is 0
	} else {
		c.ln.arm(&c.timer, c.ln.l.now()+64*c.ln.l.cfg.T1) // timer D: at least 32 s
	}
	c.tu.Response(c, m)
}

// acknowledge turns the kept INVITE into the ACK to m and sends it
// (RFC 3261 §17.1.1.3).
func (c *Client) acknowledge(m *sip.Message) {
	c.ln.scratch = appendAck(c.ln.scratch[:0], c.ln.read(c.req), m.Get(sip.HdrTo))
	c.release()
	c.req = c.ln.l.buffers.keep(c.ln.scratch)
	c.transmit()
}

func (c *Client) expireInvite() {
	switch c.state {
	case calling:
		now := c.timer.due()
		if now >= c.end { // timer B
			c.timeout(ErrTimeout)
			return
		}
		c.repeat() // timer A
		c.interval *= 2
		c.ln.arm(&c.timer, min(now+c.interval, c.end))
	case ringing: // cancelled, and nothing came of it
		c.timeout(ErrCanceled)
	case refused, connected: // timers D and M
		c.terminate()
	}
}
