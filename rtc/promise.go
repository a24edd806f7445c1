package rtc

import (
	"sync"

	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// Promise is a response that waits, for a write to the disk for instance. It is written
// beforehand, while the request is there: Hold would copy the request for it.
type Promise struct {
	tx     *transaction.Server
	router *Router
	code   int
	text   []byte
}

var promises = sync.Pool{New: func() any { return new(Promise) }}

// Promise writes a response that waits. The handler then returns nil, and Keep or Break
// answers. A promise that is neither kept nor broken is simply forgotten.
func (r *Request) Promise(m sip.Response) *Promise {
	p := promises.Get().(*Promise)
	p.tx, p.router, p.code = r.Tx, r.router, m.Code
	p.text = sip.AppendResponse(p.text[:0], r.Message, m)
	return p
}

// Lane of the request.
func (p *Promise) Lane() *transaction.Lane { return p.tx.Lane() }

// Keep sends the response. Only on the lane of the request.
func (p *Promise) Keep() {
	p.tx.Respond(p.code, p.text)
	p.end()
}

// Break answers with an error instead. It enters the request's lane and must not be
// called on one.
func (p *Promise) Break(err error) {
	p.tx.Lane().Do(func() {
		var m sip.Message
		_ = m.Parse(p.text) // what a response takes from its request stands in this one, too
		p.router.reply(&Request{Message: &m, Tx: p.tx, router: p.router}, err)
		p.end()
	})
}

func (p *Promise) end() {
	p.tx, p.router = nil, nil
	if cap(p.text) <= 8<<10 { // an odd one must not stay for ever
		promises.Put(p)
	}
}
