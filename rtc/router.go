package rtc

import (
	"errors"
	"hash/maphash"
	"log/slog"
	"math/bits"
	"strconv"
	"sync"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Router passes each request through its handlers in order until one takes it,
// and turns a handler's error into the response. It is the transaction layer's TU.
type Router struct {
	handlers []Handler
	watchers []transaction.FlowWatcher // those of the handlers that want to hear of closed flows
	onStray  func(out transport.Sink, f transport.Flow, m *sip.Message)
	log      *slog.Logger
}

// Canceler is what the handler that takes an INVITE leaves as User of its
// server transaction, to be told of its CANCEL. The CANCEL has been answered
// (RFC 3261 §9.2); the INVITE has not.
type Canceler interface{ Cancel(m *sip.Message) }

// NewRouter makes a router. stray receives responses that match no
// transaction; nil drops them. Handlers that are a transaction.FlowWatcher
// hear of flows that close.
func NewRouter(log *slog.Logger, stray func(transport.Sink, transport.Flow, *sip.Message), handlers ...Handler) *Router {
	rt := &Router{handlers: handlers, onStray: stray, log: log}
	for _, h := range handlers {
		if w, ok := h.(transaction.FlowWatcher); ok {
			rt.watchers = append(rt.watchers, w)
		}
	}
	return rt
}

var requests = sync.Pool{New: func() any { return new(Request) }}

// Request implements transaction.TU.
func (rt *Router) Request(s *transaction.Server, m *sip.Message) {
	r := requests.Get().(*Request)
	*r = Request{Message: m, Tx: s, router: rt}
	rt.run(r)
	if !r.held {
		*r = Request{}
		requests.Put(r)
	}
}

// Cancel implements transaction.TU: the CANCEL goes to whoever took the INVITE.
func (rt *Router) Cancel(s *transaction.Server, m *sip.Message) {
	if c, ok := s.User.(Canceler); ok {
		c.Cancel(m)
	}
}

// Stray implements transaction.TU.
func (rt *Router) Stray(out transport.Sink, f transport.Flow, m *sip.Message) {
	if rt.onStray != nil {
		rt.onStray(out, f, m)
	}
}

// FlowClosed implements transaction.FlowWatcher.
func (rt *Router) FlowClosed(f transport.Flow) {
	for _, w := range rt.watchers {
		w.FlowClosed(f)
	}
}

func (rt *Router) run(r *Request) {
	for r.next < len(rt.handlers) {
		h := rt.handlers[r.next]
		r.next++
		err := h.Serve(r)
		if err == Next {
			continue
		}
		if err != nil {
			rt.reply(r, err)
		}
		return
	}
	rt.reply(r, &Status{Code: 404}) // nobody wanted it
}

// reply is the one place where an error becomes a response.
func (rt *Router) reply(r *Request, err error) {
	var st *Status
	if !errors.As(err, &st) {
		st = &Status{Code: 500, Err: err}
	}
	if st.Code >= 500 && st.Err != nil {
		rt.log.Error("request failed", "call_id", string(r.CallID()), "method", string(r.MethodName()), "code", st.Code, "err", st.Err)
	} else {
		rt.log.Debug("request refused", "call_id", string(r.CallID()), "method", string(r.MethodName()), "code", st.Code, "err", st.Err)
	}
	r.Respond(st.Code, st.Reason, st.Header)
}

var responses = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// Respond answers the request with a response without a body; reason "" is the
// standard phrase, header complete lines. An ACK is never answered.
func (r *Request) Respond(code int, reason string, header []byte) {
	if r.Method() == sip.ACK {
		return
	}
	buf := responses.Get().(*[]byte)
	var tag [16]byte // in place: converting it below does not allocate
	*buf = sip.AppendResponse((*buf)[:0], r.Message, sip.Response{Code: code, Reason: reason,
		ToTag: string(AppendToTag(tag[:0], r.Message)), Header: header})
	r.Tx.Respond(code, *buf)
	responses.Put(buf)
}

// Hold keeps the request beyond the handler, which then returns nil: the message
// is copied. Resume goes on with it.
func (r *Request) Hold() {
	if !r.held {
		r.Message, r.held = r.Tx.Keep(), true
	}
}

// Resume ends the wait of a held request with what its handler would have
// returned: Next passes it to the following handler. It enters the request's
// lane and must not be called on one.
func (r *Request) Resume(err error) {
	r.Tx.Lane().Do(func() {
		switch {
		case err == Next:
			r.router.run(r)
		case err != nil:
			r.router.reply(r, err)
		}
	})
}

var tagSeed = maphash.MakeSeed()

// ToTag is the tag a server puts into the To of its own answers to m. It is the
// same for a retransmission of m, as a stateless server needs (RFC 3261 §8.2.7).
func ToTag(m *sip.Message) string { return string(AppendToTag(nil, m)) }

// AppendToTag appends ToTag; it has at most 13 octets.
func AppendToTag(dst []byte, m *sip.Message) []byte {
	h := maphash.Bytes(tagSeed, m.CallID())
	h = bits.RotateLeft64(h, 21) ^ maphash.Bytes(tagSeed, m.FromTag())
	h = bits.RotateLeft64(h, 21) ^ maphash.Bytes(tagSeed, m.Get(sip.HdrCSeq))
	return strconv.AppendUint(dst, h, 36)
}
