package dialog

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// ErrUnreachable says that there is no way to where a request should go.
var ErrUnreachable = errors.New("destination is unreachable")

// sending is one request of ours on its way: it is resolved, tried at one
// place after the other (RFC 3263 §4.3), each time in a new transaction.
type sending struct {
	ua     *UA
	lane   *transaction.Lane
	method sip.Method
	hop    []byte
	flow   transport.Flow // tried first, when it lives
	// write appends the message with this Via value; it is called anew for
	// each place and must say the same each time.
	write func(dst, via []byte, f transport.Flow) []byte
	heard func(f transport.Flow, m *sip.Message) // each response
	lost  func(err error)                        // no response, last call

	cands    []resolve.Candidate
	next     int
	at       *resolve.Candidate // where it is now, nil on a given flow
	tx       *transaction.Client
	answered bool // something but 503 was heard
	canceled bool
	reason   []byte
}

// begin never calls back before it has returned.
func (o *sending) begin() {
	if o.flow != (transport.Flow{}) && o.ua.cfg.Wire.Alive(o.flow) {
		o.launch(o.flow)
		return
	}
	o.ua.locate(o.lane, o.hop, func(cands []resolve.Candidate, err error) {
		if err != nil {
			o.fail(err)
			return
		}
		o.cands = o.ua.cfg.Resolver.Large(cands, o.size())
		o.try(nil)
	})
}

// size of the message, near enough for the choice of a transport.
func (o *sending) size() int {
	via := make([]byte, 100)
	return len(o.write(nil, via, transport.Flow{}))
}

func (o *sending) try(last error) {
	for o.next < len(o.cands) && !o.canceled {
		c := o.cands[o.next]
		o.next++
		f, err := o.ua.cfg.Wire.Flow(c.Target)
		if err != nil {
			last = err
			o.ua.failed(c, err, 0)
			continue
		}
		o.at = &c
		o.launch(f)
		return
	}
	if last == nil {
		last = ErrUnreachable
	}
	o.fail(last)
}

func (o *sending) launch(f transport.Flow) {
	o.tx = o.lane.Client(o.method, o)
	p, sentBy := o.ua.cfg.Wire.Local(f)
	via := o.tx.AppendBranch(appendVia(make([]byte, 0, 128), p, sentBy), nil)
	o.tx.Send(f, o.write(make([]byte, 0, 1500), via, f))
	if o.canceled {
		o.tx.Cancel(o.reason)
	}
}

func (o *sending) fail(err error) {
	o.lane.After(0, func() { o.lost(err) })
}

// cancel cancels an INVITE. One that is not yet on its way goes nowhere.
func (o *sending) cancel(reason []byte) {
	o.canceled, o.reason = true, reason
	if o.tx != nil {
		o.tx.Cancel(reason)
	}
}

// Response implements transaction.ClientTU.
func (o *sending) Response(c *transaction.Client, m *sip.Message) {
	if c != o.tx {
		return
	}
	code := m.StatusCode()
	if code == 503 && !o.answered && o.next < len(o.cands) && !o.canceled { // RFC 3263 §4.3
		o.ua.failed(*o.at, errors.New("503"), retryAfter(m))
		o.try(nil)
		return
	}
	o.answered = true
	if o.at != nil {
		if code == 503 {
			o.ua.failed(*o.at, errors.New("503"), retryAfter(m))
		} else {
			o.ua.succeeded(*o.at)
		}
	}
	o.heard(c.Flow(), m)
}

// Failed implements transaction.ClientTU.
func (o *sending) Failed(c *transaction.Client, err error) {
	if c != o.tx {
		return
	}
	if o.at != nil {
		o.ua.failed(*o.at, err, 0)
		if !o.answered && o.next < len(o.cands) {
			o.try(err)
			return
		}
	}
	o.lost(err)
}

func retryAfter(m *sip.Message) time.Duration {
	n := leadingNumber(m.Get(sip.HdrRetryAfter))
	return time.Duration(n) * time.Second
}

// leadingNumber reads digits up to something else; 0 when there are none or
// they are more than 32 bits hold.
func leadingNumber(b []byte) uint32 {
	i := 0
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(string(b[:i]), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// locate finds where a URI's requests go and calls got on the lane: at once
// for an address, later for a name.
func (ua *UA) locate(lane *transaction.Lane, hop []byte, got func([]resolve.Candidate, error)) {
	uri, perr := sip.ParseURI(hop)
	if perr != nil {
		lane.After(0, func() { got(nil, fmt.Errorf("next hop: %w", perr)) })
		return
	}
	r := ua.cfg.Resolver
	if cands, ok := r.Numeric(nil, uri); ok {
		got(cands, nil)
		return
	}
	r.Lookup(uri, func(cands []resolve.Candidate, err error) {
		lane.Do(func() { got(cands, err) })
	})
}

// pass sends a message that has no transaction (ACK to a 2xx): by the given
// flow when it lives, else to the first place hop stands for. sent is told
// the flow and the octets, for repetitions.
func (ua *UA) pass(lane *transaction.Lane, flow transport.Flow, hop []byte,
	write func(dst, via []byte, f transport.Flow) []byte, sent func(transport.Flow, []byte)) {
	emit := func(f transport.Flow) {
		p, sentBy := ua.cfg.Wire.Local(f)
		via := appendVia(make([]byte, 0, 128), p, sentBy)
		via = append(append(via, "z9hG4bK"...), rand.Text()...)
		b := write(make([]byte, 0, 1500), via, f)
		lane.Send(f, b)
		sent(f, b)
	}
	if flow != (transport.Flow{}) && ua.cfg.Wire.Alive(flow) {
		emit(flow)
		return
	}
	ua.locate(lane, hop, func(cands []resolve.Candidate, err error) {
		if err == nil {
			cands = ua.cfg.Resolver.Large(cands, len(write(nil, make([]byte, 100), transport.Flow{})))
		}
		for _, c := range cands {
			if f, e := ua.cfg.Wire.Flow(c.Target); e == nil {
				emit(f)
				return
			}
		}
		ua.cfg.Log.Warn("no way for an ACK", "peer", string(hop), "err", err)
	})
}
