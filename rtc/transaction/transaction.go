// Package transaction runs the four SIP transaction machines (RFC 3261 §17,
// RFC 6026, RFC 2543 matching) over the transport.
//
// Everything of one Call-ID happens on one Lane, one thing at a time and in
// order of arrival: messages, timers, completions of work done elsewhere. The
// lane is the only lock; code that runs on it needs no other for the state of
// its conversation and must not block. Timers stand on one wheel.
//
// A transaction keeps only the bytes it may have to repeat.
package transaction

import (
	"context"
	"log/slog"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Config of a Layer. Zero durations take the defaults of RFC 3261 (T1 500 ms,
// T2 4 s, T4 5 s).
type Config struct {
	T1, T2, T4  time.Duration
	Lanes       int // power of two, default 256
	MaxServer   int // server transactions held in all, default 500000; above it new requests are shed
	AbsorbBytes int // octets of final responses kept to answer retransmissions, default 64 MiB; the oldest go first
	Log         *slog.Logger
	// Shed decides about a new out-of-dialog request under load; see Admission.
	RetryAfter time.Duration // default 5 s
}

// TU is the transaction user above the layer. All its methods run on the
// request's lane, inline on the reader loop; m is valid until they return.
type TU interface {
	// Request is a new request: a server transaction was made for it. For an
	// ACK to a 2xx (or one that matches nothing) s.Method() is ACK and
	// Respond does nothing. REGISTER and OPTIONS get a stateless
	// Server: it keeps nothing, a retransmission comes here again.
	Request(s *Server, m *sip.Message)
	// Cancel: a CANCEL matched the INVITE transaction s, which has no final
	// response yet. The CANCEL itself has been answered 200 (RFC 3261 §9.2).
	// What s answers is the TU's matter.
	Cancel(s *Server, m *sip.Message)
	// Stray is a response that matches no client transaction.
	Stray(out transport.Sink, f transport.Flow, m *sip.Message)
}

// ClientTU is told what becomes of a client transaction, on its lane.
type ClientTU interface {
	// Response is every response but retransmissions and 100; of an INVITE
	// every 2xx, also later ones (RFC 6026).
	Response(c *Client, m *sip.Message)
	// Failed: no response in time (ErrTimeout) or the transport failed. It
	// is the last call.
	Failed(c *Client, err error)
}

// Layer matches messages to transactions. It is the transport's Handler.
type Layer struct{}

// New makes a layer. SetTU and SetTransport come before the first message.
func New(cfg Config) *Layer { panic("unwritten") }

func (l *Layer) SetTU(tu TU)                         { panic("unwritten") }
func (l *Layer) SetTransport(t *transport.Transport) { panic("unwritten") }

// Run turns the timer wheel until ctx ends.
func (l *Layer) Run(ctx context.Context) error { panic("unwritten") }

// Message implements transport.Handler: it answers what is malformed, matches
// retransmissions, ACK, CANCEL and responses, and gives the rest to the TU.
func (l *Layer) Message(out transport.Sink, f transport.Flow, m *sip.Message, err *sip.Error) {
	panic("unwritten")
}

// FlowClosed implements transport.Handler.
func (l *Layer) FlowClosed(f transport.Flow) { panic("unwritten") }

// Lane of a Call-ID.
func (l *Layer) Lane(callID []byte) *Lane { panic("unwritten") }

// Active reports whether server transactions still wait for their final
// response (for draining).
func (l *Layer) Active() int { panic("unwritten") }

// Stats are gauges and counters since start.
type Stats struct {
	Server, Client, Absorbing     int
	Retransmitted, Shed, Timeouts uint64
}

func (l *Layer) Stats() Stats { panic("unwritten") }

// Lane serialises one share of all conversations.
type Lane struct{}

// Do runs f on the lane, from any goroutine that is not on a lane. What f sends leaves at once.
func (ln *Lane) Do(f func()) { panic("unwritten") }

// Send sends bytes that belong to no transaction (ACK to 2xx, stateless
// forwards). Only on the lane.
func (ln *Lane) Send(f transport.Flow, b []byte) { panic("unwritten") }

// After calls f on the lane after d, on the wheel (resolution 50 ms). Only on the lane.
func (ln *Lane) After(d time.Duration, f func()) *Timer { panic("unwritten") }

// Timer is one entry on the wheel.
type Timer struct{}

// Stop removes it; safe on nil and when it has fired. Only on the lane.
func (t *Timer) Stop() { panic("unwritten") }

// Client makes a client transaction for a request of that method; it has its
// branch at once and begins with Client.Send. Only on the lane.
func (ln *Lane) Client(method sip.Method, tu ClientTU) *Client { panic("unwritten") }

// Server is a server transaction (or its stateless stand-in).
type Server struct {
	// User is the TU's own state of this transaction.
	User any
}

func (s *Server) Method() sip.Method   { panic("unwritten") }
func (s *Server) Lane() *Lane          { panic("unwritten") }
func (s *Server) Flow() transport.Flow { panic("unwritten") }
func (s *Server) Final() bool          { panic("unwritten") } // a final response was sent

// Keep returns a copy of the request that outlives the handler (made once).
// Call it while the handler runs.
func (s *Server) Keep() *sip.Message { panic("unwritten") }

// Respond sends a complete response by the request's flow (falling back as
// RFC 3261 §18.2.2 says) and moves the machine. code must be that of b.
// After a final response only further 2xx to INVITE go out. Only on the lane.
func (s *Server) Respond(code int, b []byte) { panic("unwritten") }

// Client is a client transaction.
type Client struct {
	// User is the TU's own state of this transaction.
	User any
}

// AppendBranch appends the Via branch, "z9hG4bK…"; tail is appended to it (the
// proxy's loop-detection hash) and ignored in matching.
func (c *Client) AppendBranch(dst, tail []byte) []byte { panic("unwritten") }

// Send begins the transaction with complete request bytes (copied). The top Via
// must carry the branch.
func (c *Client) Send(f transport.Flow, b []byte) { panic("unwritten") }

func (c *Client) Lane() *Lane          { panic("unwritten") }
func (c *Client) Flow() transport.Flow { panic("unwritten") }
func (c *Client) Method() sip.Method   { panic("unwritten") }

// Cancel cancels an INVITE: at once when a provisional response has come, else
// when it comes (RFC 3261 §9.1). reason is a Reason header value or nil.
func (c *Client) Cancel(reason []byte) { panic("unwritten") }

// Abandon stops retransmitting and waiting; no more calls to the TU.
func (c *Client) Abandon() { panic("unwritten") }
