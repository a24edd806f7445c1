package proxy

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
)

// held keeps a request's bytes while answers are awaited. They are read again
// only when a further copy or an answer of our own is needed.
type held struct {
	b      []byte
	source netip.AddrPort
	m      sip.Message
	parsed bool
}

var helds = sync.Pool{New: func() any { return new(held) }}

func (f *forward) hold() {
	h := helds.Get().(*held)
	h.b = append(h.b[:0], f.m.Bytes()...)
	h.source, h.parsed = f.m.Source, false
	f.held = h
}

// request is the request as it came.
func (f *forward) request() *sip.Message {
	if f.m != nil {
		return f.m
	}
	h := f.held
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
	if f.held != nil {
		if cap(f.held.b) <= 8192 {
			helds.Put(f.held)
		}
		f.held = nil
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

// work is the scratch space for making one message.
type work struct {
	edit    sip.Edit
	scratch []byte
	out     []byte
	tail    [loopLen]byte
	cands   []resolve.Candidate
	ways    []reach.Way
	ack     statelessBranch
	stripe  int // which counters it writes
}

var (
	works  = sync.Pool{New: newWork}
	worked atomic.Uint32 // works made
)

func newWork() any {
	return &work{scratch: make([]byte, 0, 1024), out: make([]byte, 0, 4096), stripe: int(worked.Add(1))}
}

func getWork() *work { return works.Get().(*work) }

func (w *work) put() {
	w.ack = statelessBranch{}
	if cap(w.out) <= 1<<16 {
		works.Put(w)
	}
}
