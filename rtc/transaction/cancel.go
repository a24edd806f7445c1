package transaction

import (
	"strconv"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// cancel takes a CANCEL; tx is the INVITE transaction it matches, or nil
// (RFC 3261 §9.2). The CANCEL has no transaction of its own: a copy of it
// matches again and is answered again.
func (ln *Lane) cancel(tx *serverTx, f transport.Flow, m *sip.Message, via *sip.Via) {
	if tx == nil {
		ln.pass(f, m, via)
		return
	}
	ln.scratch = sip.AppendResponse(ln.scratch[:0], m, sip.Response{Code: 200, ToTag: tx.toTag()})
	ln.reply(f, ln.l.replyPort(f, via), ln.scratch, nil)
	if tx.final || tx.canceled {
		return
	}
	tx.canceled = true
	ln.l.tu.Cancel(&tx.Server, m)
}

// toTag is the To tag of the INVITE's last response, which the answer to its
// CANCEL should share; before there is one, a tag of the layer's.
func (tx *serverTx) toTag() string {
	if tx.resp != nil {
		if tag := tx.ln.read(tx.resp).ToTag(); len(tag) > 0 {
			return string(tag)
		}
	}
	return tx.ln.l.tag(tx.keyBytes())
}

// Cancel cancels an INVITE: at once when a provisional response has come, else
// when it comes (RFC 3261 §9.1). reason is a Reason header value or nil. When
// no final response follows within 64*T1, the TU gets Failed(ErrCanceled).
func (c *Client) Cancel(reason []byte) {
	if c.method != sip.INVITE || c.hangUp || (c.state != calling && c.state != ringing) {
		return
	}
	c.hangUp = true
	c.reason = append([]byte(nil), reason...)
	if c.state == ringing {
		c.sendCancel()
	}
}

// sendCancel starts the CANCEL's own transaction, on the INVITE's branch.
func (c *Client) sendCancel() {
	c.ln.scratch = appendCancel(c.ln.scratch[:0], c.ln.read(c.req), c.reason)
	c.ln.arm(&c.timer, c.ln.l.now()+64*c.ln.l.cfg.T1)
	c.cancel = &Client{ln: c.ln, method: sip.CANCEL, slot: noSlot}
	c.cancel.timer.owner = c.cancel
	c.cancel.Send(c.flow, c.ln.scratch)
}

// endCancel stops the CANCEL once the INVITE has its final response.
func (c *Client) endCancel() {
	if c.cancel != nil {
		c.cancel.terminate()
		c.cancel = nil
	}
}

// noSlot marks a CANCEL's transaction: responses reach it through its INVITE.
const noSlot = ^uint32(0)

// read parses bytes of our own into the lane's scratch message. The result is
// good until the next read.
func (ln *Lane) read(b *buffer) *sip.Message {
	if err := ln.parsed.Parse(b.b); err != nil {
		ln.l.log.Error("a message of our own cannot be read", "err", err.Reason)
	}
	return &ln.parsed
}

// appendAck builds the ACK to a final response other than 2xx
// (RFC 3261 §17.1.1.3): as the INVITE, with the response's To.
func appendAck(dst []byte, invite *sip.Message, to []byte) []byte {
	dst = appendTwin(dst, invite, "ACK", to)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// appendCancel builds the CANCEL of an INVITE (RFC 3261 §9.1, RFC 3326).
func appendCancel(dst []byte, invite *sip.Message, reason []byte) []byte {
	dst = appendTwin(dst, invite, "CANCEL", invite.Get(sip.HdrTo))
	if len(reason) > 0 {
		dst = appendLine(dst, "Reason: ", reason)
	}
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// appendTwin appends what ACK and CANCEL share with their INVITE: Request-URI,
// the top Via alone, Route, From, Call-ID, CSeq number.
func appendTwin(dst []byte, invite *sip.Message, method string, to []byte) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, invite.RequestURI()...)
	dst = append(dst, " SIP/2.0\r\n"...)
	for via := range invite.Values(sip.HdrVia) {
		dst = appendLine(dst, "Via: ", via)
		break
	}
	for i := range invite.Len() {
		if h := invite.At(i); h.ID == sip.HdrRoute {
			dst = appendLine(dst, "Route: ", h.Value)
		}
	}
	dst = appendLine(dst, "Max-Forwards: ", []byte("70"))
	dst = appendLine(dst, "From: ", invite.Get(sip.HdrFrom))
	dst = appendLine(dst, "To: ", to)
	dst = appendLine(dst, "Call-ID: ", invite.CallID())
	n, _ := invite.CSeq()
	dst = append(dst, "CSeq: "...)
	dst = strconv.AppendUint(dst, uint64(n), 10)
	dst = append(dst, ' ')
	dst = append(dst, method...)
	return append(dst, "\r\n"...)
}

func appendLine(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}
