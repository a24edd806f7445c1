// Package transaction runs the four SIP transaction machines (RFC 3261 §17,
// RFC 6026, RFC 2543 matching) over the transport.
//
// Everything of one Call-ID happens on one Lane, one thing at a time and in
// order of arrival: messages, timers, completions of work done elsewhere. The
// lane is the only lock; code that runs on it needs no other for the state of
// its conversation and must not block, nor enter another lane. Each lane has
// its timer wheel; one goroutine (Run) turns them all.
//
// A transaction keeps only the bytes it may have to repeat: a client its
// request until a final response, then of an INVITE the ACK; a server its last
// response. What a non-INVITE server would repeat after its final response
// lives in a bounded ring (absorb), and a finished non-INVITE client in
// nothing but the generation number of its branch.
//
// The package answers by itself only what cannot reach a user: malformed
// requests, requests shed under load, CANCEL that matches, 100 to a silent
// INVITE. It does not detect merged requests (RFC 3261 §8.2.2.2), choose
// destinations, or know dialogs.
package transaction

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Config of a Layer. Zero durations take the defaults of RFC 3261 (T1 500 ms,
// T2 4 s, T4 5 s).
type Config struct {
	T1, T2, T4  time.Duration
	Lanes       int // power of two up to 1024, default 256
	MaxServer   int // server transactions held in all, default 500000; above it new requests are shed
	AbsorbBytes int // octets of final responses kept to answer retransmissions, default 64 MiB; the oldest go first
	Log         *slog.Logger
	RetryAfter  time.Duration // least Retry-After of a shed request, default 5 s; up to as much again is added at random

	// Stateless names the methods that get no transaction; nil means REGISTER and OPTIONS.
	Stateless []sip.Method
	// Pressure is load this layer cannot see (a store's queue, say): 0 idle, 1
	// full. It is asked once a tick while there is anything to do, and must be
	// quick; nil means none. See admission.go for what is shed when.
	Pressure func() float64
	// Known says whether a request comes from a sender that is served before
	// others: only the hard limit refuses it. It is asked under load alone; nil:
	// all senders are alike.
	Known func(f transport.Flow, m *sip.Message) bool
	// Unsent is told of each request that did not leave, and why; nil means
	// nobody. It is on the request's lane and must not keep b.
	Unsent func(f transport.Flow, b []byte, why error)
	// Emergency lists user parts (numbers) that are never shed before the hard
	// limit; nil means 112 and 911. urn:service:sos is always one.
	Emergency []string
}

func (c *Config) fill() {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.T1, 500*time.Millisecond)
	set(&c.T2, 4*time.Second)
	set(&c.T4, 5*time.Second)
	set(&c.RetryAfter, 5*time.Second)
	lanes := 256
	if c.Lanes > 0 {
		for lanes = 1; lanes < c.Lanes && lanes < maxLanes; lanes *= 2 {
		}
	}
	c.Lanes = lanes
	if c.MaxServer <= 0 {
		c.MaxServer = 500_000
	}
	if c.AbsorbBytes <= 0 {
		c.AbsorbBytes = 64 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Stateless == nil {
		c.Stateless = []sip.Method{sip.REGISTER, sip.OPTIONS}
	}
	if c.Emergency == nil {
		c.Emergency = []string{"112", "911"}
	}
}

// TU is the transaction user above the layer. All its methods run on the
// request's lane, inline on the reader loop; m is valid until they return.
type TU interface {
	// Request is a new request: a server transaction was made for it. For an
	// ACK to a 2xx (or one that matches nothing) s.Method() is ACK and
	// Respond does nothing. REGISTER and OPTIONS get a stateless
	// Server: it keeps nothing, a retransmission comes here again. So does a
	// CANCEL that matches no INVITE: answer 481 or forward it.
	Request(s *Server, m *sip.Message)
	// Cancel: a CANCEL matched the INVITE transaction s, which has no final
	// response yet. The CANCEL itself has been answered 200 (RFC 3261 §9.2).
	// What s answers is the TU's matter.
	Cancel(s *Server, m *sip.Message)
	// Stray is a response that matches no client transaction, but whose top Via
	// is ours: of a stateless forward, of before a restart, or a late answer to
	// an INVITE. Late answers to other requests do not come up.
	Stray(out transport.Sink, f transport.Flow, m *sip.Message)
}

// FlowWatcher is a TU that wants to hear of closed flows. FlowClosed does not
// run on a lane.
type FlowWatcher interface{ FlowClosed(f transport.Flow) }

// ClientTU is told what becomes of a client transaction, on its lane.
type ClientTU interface {
	// Response is every response but retransmissions and 100; of an INVITE
	// every 2xx, also later ones (RFC 6026).
	Response(c *Client, m *sip.Message)
	// Failed: no response in time (ErrTimeout, ErrCanceled) or the transport
	// failed (*TransportError). It is the last call.
	Failed(c *Client, err error)
}

// ErrTimeout: no final response within 64*T1 (RFC 3261 §17.1.1.2, §17.1.2.2).
var ErrTimeout = errors.New("no response in time")

// ErrCanceled: a cancelled INVITE got no final response within 64*T1 after its
// CANCEL and counts as ended (RFC 3261 §9.1). It is an ErrTimeout as well.
var ErrCanceled = fmt.Errorf("no final response after CANCEL: %w", ErrTimeout)

// TransportError says that the request could not be sent (RFC 3261 §17.1.4).
type TransportError struct{ Err error }

func (e *TransportError) Error() string { return "sending the request: " + e.Err.Error() }
func (e *TransportError) Unwrap() error { return e.Err }

// Stats are gauges and counters since start.
type Stats struct {
	Server, Client, Absorbing     int
	Retransmitted, Shed, Timeouts uint64 // requests and responses sent again; requests answered 503 under load; timers B, F, H
	Malformed                     uint64 // messages refused or discarded for what they are
}
