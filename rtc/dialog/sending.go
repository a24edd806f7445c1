package dialog

import (
	"crypto/rand"
	"errors"
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
	hop    hop
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
	if o.ua.flows(o.hop) {
		if err := o.ua.permit(o.hop.peer, o.hop.flow.Remote); err != nil {
			o.fail(err)
			return
		}
		o.launch(o.hop.flow)
		return
	}
	o.ua.locate(o.lane, o.hop, sizeOf(o.write), func(cands []resolve.Candidate, err error) {
		if err != nil {
			o.fail(err)
			return
		}
		o.cands = cands
		o.try(nil)
	})
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

// pass sends a message that has no transaction (ACK to a 2xx) to the first
// place its hop stands for. sent is told the flow and the octets, for
// repetitions.
func (ua *UA) pass(lane *transaction.Lane, h hop, write func(dst, via []byte, f transport.Flow) []byte, sent func(transport.Flow, []byte)) {
	emit := func(f transport.Flow) {
		p, sentBy := ua.cfg.Wire.Local(f)
		via := appendVia(make([]byte, 0, 128), p, sentBy)
		via = append(append(via, "z9hG4bK"...), rand.Text()...)
		b := write(make([]byte, 0, 1500), via, f)
		lane.Send(f, b)
		sent(f, b)
	}
	lost := func(err error) {
		ua.cfg.Log.Warn("ACK not sent", "peer", string(h.uri), "err", err)
	}
	if ua.flows(h) {
		if err := ua.permit(h.peer, h.flow.Remote); err != nil {
			lost(err)
			return
		}
		emit(h.flow)
		return
	}
	ua.locate(lane, h, sizeOf(write), func(cands []resolve.Candidate, err error) {
		for _, c := range cands {
			f, e := ua.cfg.Wire.Flow(c.Target)
			if e == nil {
				emit(f)
				return
			}
			err = e
		}
		lost(err)
	})
}

// sizeOf a message, near enough for the choice of a transport.
func sizeOf(write func(dst, via []byte, f transport.Flow) []byte) int {
	return len(write(nil, make([]byte, 100), transport.Flow{}))
}
