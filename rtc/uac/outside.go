package uac

import (
	"crypto/rand"
	"strconv"
	"time"

	"tandem/rtc/digest"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Content is what the sender adds to a message.
type Content struct {
	Header []byte // complete header lines, each ending in CRLF
	Type   string // of the body
	Body   []byte
}

// Outside is a request outside dialogs.
type Outside struct {
	Method string
	Way
	From, To    string         // name-addr; From gets a tag unless it has one; To "" = <URI>
	CallID      string         // "" = made up; a REGISTER keeps the one before (RFC 3261 §10.2)
	Seq         uint32         // CSeq number, 0 = 1; the next REGISTER has at least Reply.Seq+1
	Contact     *Contact       // nil: the request has none
	Auth        *digest.Client // answers challenges; kept, the next request needs no challenge
	MaxForwards int            // 0 = 70
	Timeout     time.Duration  // for everything, default 32 s
	Content
}

// Reply is what became of a request.
type Reply struct {
	*sip.Message                // the final response, valid until the callback returns; nil when there is none
	Err          error          // why there is none
	Seq          uint32         // the CSeq number last used
	Flow         transport.Flow // that the response came for
}

// Send sends a request outside dialogs. done is called once, on the request's
// lane, and must not block; it may be nil. The error is ErrBusy.
func (c *Client) Send(o Outside, done func(Reply)) error {
	if o.CallID == "" {
		o.CallID = rand.Text()
	}
	lane := c.cfg.Layer.Lane([]byte(o.CallID))
	if !c.Post(lane, func() { c.sendOn(lane, o, done) }) {
		return ErrBusy
	}
	return nil
}

// sendOn is Send for who is on the lane of the request's Call-ID.
func (c *Client) sendOn(lane *transaction.Lane, o Outside, done func(Reply)) {
	x := &exchange{c: c, o: o, done: done}
	x.o.complete()
	r := Request{Lane: lane, Method: o.Method, URI: []byte(o.URI), Body: o.Body, Hop: o.Hop(), Seq: x.o.Seq, Auth: o.Auth,
		Next: x.next, Write: x.write, Heard: x.heard, Lost: x.lost}
	x.sending = c.Start(r)
	x.timer = lane.After(x.o.Timeout, x.expired)
}

func (o *Outside) complete() {
	if o.To == "" {
		o.To = "<" + o.URI + ">"
	}
	if a, err := sip.ParseNameAddr([]byte(o.From)); err == nil && a.Tag() == nil {
		o.From = string(Tagged([]byte(o.From), rand.Text()[:16]))
	}
	if o.Seq == 0 {
		o.Seq = 1
	}
	if o.MaxForwards == 0 {
		o.MaxForwards = 70
	}
	if o.Timeout <= 0 {
		o.Timeout = 32 * time.Second
	}
}

// exchange is an Outside under way.
type exchange struct {
	c       *Client
	o       Outside
	done    func(Reply)
	sending *Sending
	timer   *transaction.Timer
}

func (x *exchange) next() uint32 {
	x.o.Seq++
	return x.o.Seq
}

func (x *exchange) write(dst []byte, t Try) []byte {
	b := sip.Builder{Buf: dst}
	b.Request(x.o.Method, []byte(x.o.URI))
	b.Header(sip.HdrVia, t.Via)
	for _, r := range x.o.Route {
		b.HeaderString(sip.HdrRoute, r)
	}
	b.HeaderString(sip.HdrMaxForwards, strconv.Itoa(x.o.MaxForwards))
	b.HeaderString(sip.HdrFrom, x.o.From)
	b.HeaderString(sip.HdrTo, x.o.To)
	b.HeaderString(sip.HdrCallID, x.o.CallID)
	b.HeaderString(sip.HdrCSeq, strconv.FormatUint(uint64(t.Seq), 10)+" "+x.o.Method)
	if x.o.Contact != nil {
		b.Buf = x.o.Contact.Append(b.Buf, x.c.cfg.Wire, t.Flow)
	}
	b.Raw(t.Auth)
	b.Raw(x.o.Header)
	return b.Finish(x.o.Type, x.o.Body)
}

func (x *exchange) heard(_ *Sending, f transport.Flow, m *sip.Message) {
	if m.StatusCode() >= 200 {
		x.finish(Reply{Message: m, Flow: f})
	}
}

func (x *exchange) lost(_ *Sending, err error) { x.finish(Reply{Err: err}) }

func (x *exchange) expired() {
	x.sending.abandon()
	x.finish(Reply{Err: ErrTimeout})
}

func (x *exchange) finish(r Reply) {
	x.timer.Stop()
	r.Seq = x.o.Seq
	if done := x.done; done != nil {
		x.done = nil
		done(r)
	}
}

// Tagged is a From or To value with a tag.
func Tagged(value []byte, tag string) []byte {
	return AppendTagged(make([]byte, 0, len(value)+len(tag)+8), value, tag)
}

// AppendTagged appends Tagged.
func AppendTagged(dst, value []byte, tag string) []byte {
	if a, err := sip.ParseNameAddr(value); err == nil && !a.Bracketed {
		dst = append(append(append(dst, '<'), a.URI...), '>') // or the tag would read as the URI's
		dst = append(dst, a.Params...)
	} else {
		dst = append(dst, value...)
	}
	return append(append(dst, ";tag="...), tag...)
}
