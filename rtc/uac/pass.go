package uac

import (
	"bytes"
	"crypto/rand"

	"tandem/rtc/resolve"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Pass sends a message that has no transaction, the ACK to a 2xx, to the first
// place its hop stands for. sent is told the flow and the octets, for
// repetitions. Only on the lane.
func (c *Client) Pass(lane *transaction.Lane, h Hop, write Writer, sent func(transport.Flow, []byte)) {
	if c.flows(h) {
		if err := c.permit(h.Peer, h.Flow.Remote); err != nil {
			c.notPassed(h, err)
			return
		}
		c.emit(lane, h.Flow, h.Shape, write, sent)
		return
	}
	c.locate(lane, h, sizeOf(write), func(cands []resolve.Candidate, err error) {
		for _, cand := range cands {
			f, e := c.cfg.Wire.Flow(cand.Target)
			if e == nil {
				c.emit(lane, f, h.Shape, write, sent)
				return
			}
			err = e
		}
		c.notPassed(h, err)
	})
}

func (c *Client) emit(lane *transaction.Lane, f transport.Flow, shape Shape, write Writer, sent func(transport.Flow, []byte)) {
	p, sentBy := c.cfg.Wire.Local(f)
	via := AppendVia(make([]byte, 0, 128), p, sentBy)
	via = append(append(via, "z9hG4bK"...), rand.Text()...)
	sheet := drafts.Get().(*[]byte)
	*sheet = write((*sheet)[:0], Try{Flow: f, Via: via})
	b := bytes.Clone(shape.of(c.cfg.Wire, f, *sheet)) // kept while the call lasts
	giveBack(sheet)
	lane.Send(f, b)
	sent(f, b)
}

func (c *Client) notPassed(h Hop, err error) {
	c.cfg.Log.Warn("ACK not sent", "peer", string(h.URI), "err", err)
}
