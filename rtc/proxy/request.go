package proxy

import (
	"net/netip"
	"sync"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// kept is a request's bytes while answers are awaited. They are read again
// only when a further copy or an answer of our own is needed.
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

// request is the request as it came.
func (f *forward) request() *sip.Message {
	if f.m != nil {
		return f.m
	}
	h := f.kept
	if !h.parsed {
		h.m.Parse(h.b) // it went well the first time
		h.m.Source, h.parsed = h.source, true
	}
	return &h.m
}

// release gives everything back once nothing is awaited. What an INVITE's
// transactions may still bring, further 2xx, its caller passes on.
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

// respond answers the request with a response of our own.
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
