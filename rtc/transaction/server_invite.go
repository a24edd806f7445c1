package transaction

import (
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// The INVITE server machine: RFC 3261 §17.2.1 as amended by RFC 6026 §7.1.

// tryingDelay is how long the TU may be silent before a 100 goes out.
const tryingDelay = 200 * time.Millisecond

// awaitTrying lays a 100 ready while the request can still be read, unless the
// TU has answered. A retransmission draws it at once.
func (tx *serverTx) awaitTrying(m *sip.Message) {
	if tx.state != trying {
		return
	}
	tx.resp = tx.ln.l.buffers.get(512)
	tx.resp.b = sip.AppendResponse(tx.resp.b, m, sip.Response{Code: 100})
	tx.unsent = true
	tx.ln.arm(&tx.timer, tx.ln.l.now()+tryingDelay)
}

func (tx *serverTx) respondInvite(code int, b []byte) {
	switch {
	case code >= 200 && code < 300:
		tx.accept(b)
	case tx.final:
		// Only 2xx may follow a final response.
	case code < 200:
		tx.state = proceeding
		tx.timer.Stop()
		tx.remember(b)
		tx.transmit(b, nil)
	case tx.silent() && (code == 401 || code == 407 || tx.m != nil):
		tx.refuseOnce(b)
	default:
		tx.reject(b)
	}
}

// silent reports whether nothing was sent yet, so that a client still repeats
// its INVITE.
func (tx *serverTx) silent() bool { return tx.state == trying && (tx.resp == nil || tx.unsent) }

// refuseOnce sends a challenge, or what the handler refuses an INVITE with on
// the spot, once and keeps no transaction for it, only a record in the
// ring that answers copies of the INVITE and absorbs the ACK (RFC 3261 §8.2.7,
// §26.3.2.4): else anybody could make this server hold a transaction and repeat
// its response to a forged address.
func (tx *serverTx) refuseOnce(b []byte) {
	tx.transmit(b, nil)
	tx.absorb(b)
	tx.terminate()
}

// accept passes a 2xx on. The TU repeats it until its ACK comes; the
// transaction stays to absorb copies of the INVITE (timer L).
func (tx *serverTx) accept(b []byte) {
	if tx.state == trying || tx.state == proceeding {
		tx.finish()
		tx.state = accepted
		tx.forget()
		tx.ln.arm(&tx.timer, tx.ln.l.now()+64*tx.ln.l.cfg.T1)
	}
	// After another final response too: RFC 3261 §16.7 step 5 has a proxy
	// forward every 2xx.
	tx.transmit(b, nil)
}

// reject sends a final response other than 2xx until the ACK comes: timer G on
// UDP, timer H on all.
func (tx *serverTx) reject(b []byte) {
	tx.finish()
	tx.state = completed
	tx.remember(b)
	now := tx.ln.l.now()
	tx.end = now + 64*tx.ln.l.cfg.T1
	if tx.stream() {
		tx.ln.arm(&tx.timer, tx.end)
		tx.transmit(b, (*serverFailer)(tx))
		return
	}
	tx.interval = tx.ln.l.cfg.T1
	tx.ln.arm(&tx.timer, now+tx.interval)
	tx.transmit(b, nil)
}

func (tx *serverTx) expireInvite() {
	switch tx.state {
	case trying:
		tx.state = proceeding
		tx.unsent = false
		tx.transmit(tx.resp.b, nil)
	case completed:
		now := tx.timer.due()
		if now >= tx.end { // timer H: the ACK never came
			tx.ln.l.timeouts.Add(1)
			tx.terminate()
			return
		}
		tx.repeat() // timer G
		tx.interval = min(2*tx.interval, tx.ln.l.cfg.T2)
		tx.ln.arm(&tx.timer, min(now+tx.interval, tx.end))
	case confirmed, accepted: // timers I and L
		tx.terminate()
	}
}

// ack takes an ACK; tx is the INVITE transaction it matches, or nil, h the hash
// of ln.key.
func (ln *Lane) ack(tx *serverTx, h uint64, f transport.Flow, m *sip.Message, via *sip.Via) {
	switch {
	case tx == nil:
		// The ACK to a challenge or to an answer of our own that was not
		// remembered ends here (RFC 3261 §8.2.7); any other is for a 2xx.
		var tag [16]byte
		if ln.past.lookup(h, ln.key) == nil && string(m.ToTag()) != string(ln.l.appendTag(tag[:0], ln.key)) {
			ln.pass(f, m, via)
		}
	case tx.state == accepted:
		// A 2xx's ACK with the INVITE's branch: RFC 2543 peers (RFC 6026 §7.1).
		ln.pass(f, m, via)
	case tx.state == completed:
		tx.state = confirmed
		tx.forget()
		if tx.stream() {
			tx.terminate() // timer I is 0
			return
		}
		tx.ln.arm(&tx.timer, tx.ln.l.now()+tx.ln.l.cfg.T4)
	}
	// Before a final response it is a peer's mistake (some acknowledge a 180):
	// the true one is still to come.
}
