package uac

import (
	"errors"
	"sync"
	"time"

	"tandem/rtc/digest"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Try is one attempt to send a request: what differs between its copies.
type Try struct {
	Flow transport.Flow // the zero Flow: the message is written only to learn its size
	Via  []byte         // value of the Via
	Seq  uint32         // CSeq number
	Auth []byte         // header lines with credentials
}

// Writer appends a message. It is called anew for each try.
type Writer func(dst []byte, t Try) []byte

// Request is a request whose message its sender writes.
type Request struct {
	Lane   *transaction.Lane
	Method string
	URI    []byte // Request-URI, for credentials
	Body   []byte // for credentials
	Hop    Hop
	Seq    uint32
	Next   func() uint32  // takes the CSeq number of a repetition with credentials
	Auth   *digest.Client // answers challenges, nil: they are responses as any other
	First  bool           // an INVITE that begins a call: it leaves a silent next hop even if there is no other
	Write  Writer
	// Heard is each response but 100 and challenges that are answered.
	Heard func(s *Sending, f transport.Flow, m *sip.Message)
	// Late is a 2xx to an INVITE from a next hop that was left; nil: it is Heard.
	Late func(s *Sending, f transport.Flow, m *sip.Message)
	// Lost: there will be no response; the last call.
	Lost func(s *Sending, err error)
}

// maxChallenges is how often one request is repeated with credentials.
const maxChallenges = 5

// Sending is a request on its way: it is resolved and tried at one place after
// the other (RFC 3263 §4.3), each time in a new transaction. Its methods may
// be called only on its lane.
type Sending struct {
	c *Client
	r Request

	method     sip.Method
	auth       []byte // as last sent
	cands      []resolve.Candidate
	next       int
	at         *resolve.Candidate // where it is now, nil on a given flow
	flow       transport.Flow
	tx         *transaction.Client
	silence    transaction.Timer
	challenged int
	answered   bool // something but 503 was heard
	canceled   bool
	over       bool
	reason     []byte
}

// Start sends a request. It is called on the request's lane and calls back only
// after it has returned.
func (c *Client) Start(r Request) *Sending {
	s := &Sending{c: c, r: r, method: sip.MethodOf([]byte(r.Method))}
	s.begin()
	return s
}

// Seq is the CSeq number last sent.
func (s *Sending) Seq() uint32 { return s.r.Seq }

// Auth are the header lines with credentials last sent; the ACK to a 2xx has
// the same (RFC 3261 §13.2.2.4).
func (s *Sending) Auth() []byte { return s.auth }

func (s *Sending) begin() {
	if s.c.flows(s.r.Hop) {
		if err := s.c.permit(s.r.Hop.Peer, s.r.Hop.Flow.Remote); err != nil {
			s.fail(err)
			return
		}
		s.launch(s.r.Hop.Flow)
		return
	}
	s.c.locate(s.r.Lane, s.r.Hop, sizeOf(s.r.Write), func(cands []resolve.Candidate, err error) {
		switch {
		case s.over:
		case err != nil:
			s.fail(err)
		default:
			s.cands = cands
			s.try(nil)
		}
	})
}

// sizeOf a message, near enough for the choice of a transport.
func sizeOf(write Writer) int {
	sheet := drafts.Get().(*[]byte)
	defer giveBack(sheet)
	*sheet = write((*sheet)[:0], Try{Via: make([]byte, 100), Seq: 1})
	return len(*sheet)
}

// try sends to the next place that takes it; last is why the one before failed.
func (s *Sending) try(last error) {
	for s.next < len(s.cands) && !s.canceled {
		cand := s.cands[s.next]
		s.next++
		f, err := s.c.cfg.Wire.Flow(cand.Target)
		if err != nil {
			last = err
			s.c.cfg.Resolver.Failed(cand, err, 0)
			continue
		}
		s.at = &cand
		if cand.Race && s.next < len(s.cands) {
			s.await(f, time.Now().Add(resolve.Patience))
		} else {
			s.launch(f)
		}
		return
	}
	if last == nil {
		last = ErrUnreachable
	}
	s.fail(last)
}

// await gives a connection a moment to open before the same place is tried by UDP.
// Nothing has been sent until then, so that the request arrives once.
func (s *Sending) await(f transport.Flow, end time.Time) {
	switch {
	case s.over:
	case f.Open():
		s.launch(f)
	case s.canceled, !s.c.cfg.Wire.Alive(f), time.Now().After(end):
		s.c.cfg.Resolver.Failed(*s.at, errSlow, 0)
		s.try(errSlow)
	default:
		s.r.Lane.After(resolve.PatienceStep, func() { s.await(f, end) })
	}
}

var errSlow = errors.New("the connection was not open in time")

func (s *Sending) launch(f transport.Flow) {
	s.flow = f
	s.tx = s.r.Lane.Client(s.method, s)
	p, sentBy := s.c.cfg.Wire.Local(f)
	via := s.tx.AppendBranch(AppendVia(make([]byte, 0, 128), p, sentBy), nil)
	s.auth = s.r.Auth.Append(nil, s.r.Method, s.r.URI, s.r.Body)
	sheet := drafts.Get().(*[]byte)
	*sheet = s.r.Write((*sheet)[:0], Try{Flow: f, Via: via, Seq: s.r.Seq, Auth: s.auth})
	s.tx.Send(f, s.r.Hop.Shape.of(s.c.cfg.Wire, f, *sheet)) // it keeps a copy
	giveBack(sheet)
	if s.canceled {
		s.tx.Cancel(s.reason)
	}
	if s.r.First || s.next < len(s.cands) {
		tx := s.tx
		s.r.Lane.Start(&s.silence, s.c.cfg.Silence, func() { s.unheard(tx) })
	}
}

// drafts are those that messages are written on, for as long as it takes to send them.
var drafts = sync.Pool{New: func() any { b := make([]byte, 0, 1500); return &b }}

func giveBack(sheet *[]byte) {
	if cap(*sheet) <= 16<<10 { // an odd one must not stay for ever
		drafts.Put(sheet)
	}
}

// unheard leaves a next hop that has said nothing. Should it wake up, its
// INVITE is canceled. A 2xx that comes all the same is Late.
func (s *Sending) unheard(tx *transaction.Client) {
	if s.over || tx != s.tx || !tx.Unheard() {
		return
	}
	if s.at != nil {
		s.c.cfg.Resolver.Failed(*s.at, ErrSilent, 0)
	}
	s.tx = nil
	if s.method == sip.INVITE {
		tx.Cancel([]byte(`SIP;cause=408;text="Next hop was silent"`))
	} else {
		tx.Abandon()
	}
	s.try(ErrSilent)
}

func (s *Sending) fail(err error) {
	s.r.Lane.After(0, func() { s.lose(err) })
}

func (s *Sending) lose(err error) {
	if s.over {
		return
	}
	s.over = true
	s.silence.Stop()
	s.r.Lost(s, err)
}

// Cancel cancels an INVITE. One that is not yet on its way goes nowhere.
func (s *Sending) Cancel(reason []byte) {
	s.canceled, s.reason = true, reason
	if s.tx != nil {
		s.tx.Cancel(reason)
	}
}

// abandon gives up a request other than INVITE: no more callbacks.
func (s *Sending) abandon() {
	s.over = true
	s.silence.Stop()
	if s.tx != nil {
		s.tx.Abandon()
	}
}

// Response implements transaction.ClientTU.
func (s *Sending) Response(tx *transaction.Client, m *sip.Message) {
	code := m.StatusCode()
	if tx != s.tx { // it was left
		if code/100 == 2 && s.method == sip.INVITE {
			late := s.r.Late
			if late == nil {
				late = s.r.Heard
			}
			late(s, tx.Flow(), m)
		}
		return
	}
	s.silence.Stop()
	if code == 503 && !s.answered && s.next < len(s.cands) && !s.canceled { // RFC 3263 §4.3
		s.c.cfg.Resolver.Failed(*s.at, resolve.ErrUnavailable, retryAfter(m))
		s.try(nil)
		return
	}
	s.answered = true
	if s.at != nil {
		if code == 503 {
			s.c.cfg.Resolver.Failed(*s.at, resolve.ErrUnavailable, retryAfter(m))
		} else {
			s.c.cfg.Resolver.Succeeded(*s.at)
		}
	}
	if (code == 401 || code == 407) && s.answers(m) {
		return
	}
	s.r.Heard(s, tx.Flow(), m)
}

// answers repeats the request with credentials where it was challenged
// (RFC 3261 §22.2).
func (s *Sending) answers(m *sip.Message) bool {
	if s.r.Auth == nil || s.canceled || s.challenged >= maxChallenges || !s.r.Auth.Challenged(m, s.challenged > 0) {
		return false
	}
	s.challenged++
	s.r.Seq = s.r.Next()
	s.launch(s.flow)
	return true
}

// Failed implements transaction.ClientTU.
func (s *Sending) Failed(tx *transaction.Client, err error) {
	if tx != s.tx {
		return
	}
	s.silence.Stop()
	if s.at != nil {
		s.c.cfg.Resolver.Failed(*s.at, err, 0)
		if !s.answered && s.next < len(s.cands) {
			s.try(err)
			return
		}
	}
	s.lose(err)
}

func retryAfter(m *sip.Message) time.Duration {
	n, _ := m.RetryAfter()
	return time.Duration(n) * time.Second
}
