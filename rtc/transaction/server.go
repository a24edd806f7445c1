package transaction

import (
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Server is a server transaction (or its stateless stand-in).
type Server struct {
	// User is the TU's own state of this transaction.
	User any

	ln     *Lane
	flow   transport.Flow
	m      *sip.Message // the request, while its handler runs
	kept   *sip.Message
	tx     *serverTx // nil: stateless
	port   uint16    // responses go here instead of flow.Remote's port; 0: as it came
	method sip.Method
	final  bool
}

func (s *Server) init(ln *Lane, f transport.Flow, m *sip.Message, via *sip.Via) {
	s.ln, s.flow, s.m = ln, f, m
	s.method = m.Method()
	s.port = ln.l.replyPort(f, via)
}

// Method of the request.
func (s *Server) Method() sip.Method { return s.method }

// Lane of the request.
func (s *Server) Lane() *Lane { return s.ln }

// Flow the request came by.
func (s *Server) Flow() transport.Flow { return s.flow }

// Final reports whether a final response was sent.
func (s *Server) Final() bool { return s.final }

// Keep returns a copy of the request that outlives the handler (made once).
// Call it while the handler runs; later it returns the copy made then, or nil.
func (s *Server) Keep() *sip.Message {
	if s.kept == nil && s.m != nil {
		s.kept = s.m.Clone()
	}
	return s.kept
}

// Release lets go of the copy that Keep made. Only on the lane.
func (s *Server) Release() { s.kept = nil }

// Respond sends a complete response by the request's flow (falling back as
// RFC 3261 §18.2.2 says) and moves the machine. code must be that of b.
// After a final response only further 2xx to INVITE go out. A 401 or 407 that
// is the first response to an INVITE is not repeated by itself, nor any
// other refusal given while the handler runs: the client, who has heard nothing,
// repeats its INVITE (RFC 3261 §8.2.7, §26.3.2.4). Only on the lane.
func (s *Server) Respond(code int, b []byte) {
	switch {
	case s.method == sip.ACK:
		// RFC 3261 §17: an ACK is never answered.
	case s.tx == nil:
		if !s.final {
			s.final = code >= 200
			s.transmit(b, nil)
		}
	case s.method == sip.INVITE:
		s.tx.respondInvite(code, b)
	default:
		s.tx.respondOther(code, b)
	}
}

func (s *Server) transmit(b []byte, fail transport.Failer) {
	s.ln.reply(s.flow, s.port, b, fail)
}

// serverState is where a server machine stands.
type serverState uint8

const (
	trying     serverState = iota // no response yet
	proceeding                    // a provisional one was sent
	completed                     // INVITE: final response other than 2xx sent, ACK awaited
	confirmed                     // INVITE: the ACK has come
	accepted                      // INVITE: 2xx sent (RFC 6026 §7.1)
	terminated
)

// serverTx is the machine behind a stateful Server.
type serverTx struct {
	Server
	timer    Timer
	resp     *buffer // last response, or the 100 in waiting
	chain    *serverTx
	hash     uint64
	interval time.Duration // of timer G
	end      time.Duration // timer H, on the layer's clock
	state    serverState
	unsent   bool // resp is the automatic 100, not sent yet
	canceled bool
	keyLen   uint8
	keyShort [62]byte
	keyLong  []byte // a key that does not fit keyShort
}

func (tx *serverTx) setKey(key []byte) {
	if len(key) > len(tx.keyShort) {
		tx.keyLong = append([]byte(nil), key...)
		return
	}
	tx.keyLen = uint8(copy(tx.keyShort[:], key))
}

func (tx *serverTx) keyBytes() []byte {
	if tx.keyLong != nil {
		return tx.keyLong
	}
	return tx.keyShort[:tx.keyLen]
}

// remember makes b the response that answers retransmissions.
func (tx *serverTx) remember(b []byte) {
	tx.ln.l.buffers.put(tx.resp)
	tx.resp, tx.unsent = tx.ln.l.buffers.keep(b), false
}

func (tx *serverTx) forget() {
	tx.ln.l.buffers.put(tx.resp)
	tx.resp, tx.unsent = nil, false
}

// repeat sends the last response again.
func (tx *serverTx) repeat() {
	if tx.resp == nil {
		return
	}
	tx.unsent = false
	tx.transmit(tx.resp.b, nil)
	tx.ln.l.retransmitted.Add(1)
}

// finish notes the final response.
func (tx *serverTx) finish() {
	if !tx.final {
		tx.final = true
		tx.ln.waiting.Add(-1)
	}
}

func (tx *serverTx) terminate() {
	if tx.state == terminated {
		return
	}
	tx.finish()
	tx.state = terminated
	tx.timer.Stop()
	tx.forget()
	tx.ln.remove(tx)
}

func (tx *serverTx) expire() {
	if tx.method == sip.INVITE {
		tx.expireInvite()
	} else {
		tx.expireOther()
	}
}

// again is a retransmission of the request.
func (tx *serverTx) again() {
	switch tx.state {
	case trying, proceeding, completed:
		tx.repeat()
	}
	// In confirmed and accepted it is absorbed (RFC 6026 §7.1).
}

func (tx *serverTx) stream() bool { return tx.ln.l.wire.Proto(tx.flow).Stream() }

// sendFailed: the connection of a final response to INVITE broke with the
// response still queued. RFC 3261 §17.2.4, §18.2.2: it goes once more, by a
// new connection.
func (tx *serverTx) sendFailed(err error) {
	tx.ln.l.log.Debug("response not sent", "err", err)
	if tx.state == completed && tx.stream() && !tx.ln.l.wire.Alive(tx.flow) {
		tx.repeat()
	}
}
