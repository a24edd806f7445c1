package proxy

import (
	"net/netip"
	"sync"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// kept holds the bytes of a request while responses are awaited. They are parsed again
// only for a further copy or a response of our own.
type kept struct {
	b      []byte
	source netip.AddrPort
	m      sip.Message
	parsed bool
}

var keeps = sync.Pool{New: func() any { return new(kept) }}

func (f *forward) keepRequest() {
	h := keeps.Get().(*kept)
	h.b = append(h.b[:0], f.m.Bytes()...)
	h.source, h.parsed = f.m.Source, false
	f.kept = h
}

// request returns the request as received.
func (f *forward) request() *sip.Message {
	if f.m != nil {
		return f.m
	}
	h := f.kept
	if !h.parsed {
		h.m.Parse(h.b) // it has been parsed before
		h.m.Source, h.parsed = h.source, true
	}
	return &h.m
}

// release frees the forward when no response is awaited. Later 2xx of an INVITE go to
// its caller, which outlives it.
func (f *forward) release() {
	if f.pending > 0 || f.m != nil {
		return
	}
	if f.kept != nil {
		if cap(f.kept.b) <= 8192 {
			keeps.Put(f.kept)
		}
		f.kept = nil
	}
	if f.user != nil {
		f.user.f = nil
	}
	f.recycle()
}

func (f *forward) recycle() {
	*f = forward{}
	forwards.Put(f)
}

// respond sends a response of our own.
func (f *forward) respond(code int, reason string, header []byte) {
	m, w := f.request(), getWork()
	r := sip.Response{Code: code, Reason: reason, Header: header}
	if code > 100 {
		r.ToTag = rtc.ToTag(m)
	}
	w.out = sip.AppendResponse(w.out[:0], m, r)
	f.s.Respond(code, w.out)
	w.put()
}
