package transaction

import "tandem/rtc/sip"

// The non-INVITE client machine: RFC 3261 §17.1.2. Its Completed state (timer
// K) is the slot's next generation: a copy of the final response finds the old
// one gone and is absorbed. It also serves our own CANCELs, which have no TU.

func (c *Client) respondedOther(m *sip.Message) {
	if c.state != calling && c.state != ringing {
		return
	}
	code := m.StatusCode()
	if code < 200 {
		c.state = ringing
		if code != 100 && c.tu != nil {
			c.tu.Response(c, m)
		}
		return
	}
	c.terminate()
	if c.tu != nil {
		c.tu.Response(c, m)
	}
}

func (c *Client) expireOther() {
	now := c.timer.due()
	if now >= c.end { // timer F
		c.timeout(ErrTimeout)
		return
	}
	c.repeat() // timer E
	if c.state == ringing {
		c.interval = c.ln.l.cfg.T2
	} else {
		c.interval = min(2*c.interval, c.ln.l.cfg.T2)
	}
	c.ln.arm(&c.timer, min(now+c.interval, c.end))
}
