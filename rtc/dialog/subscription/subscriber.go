package subscription

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// Wish is what a Subscriber asks for.
type Wish struct {
	Event   Event
	Accept  string         // media types of documents, "" = not said
	Expires time.Duration  // default an hour
	Content dialog.Content // of the first SUBSCRIBE
	// Notified is each NOTIFY, which is answered 200 when it returns. m is valid
	// until then.
	Notified func(s *Subscriber, st State, m *sip.Message)
	// Ended is told once; may be nil.
	Ended func(s *Subscriber, why End)
}

// Subscriber is the subscriber's side of one subscription.
type Subscriber struct {
	*dialog.Dialog

	wish    Wish
	implied func(Event) bool // whose a NOTIFY is; nil when it began by a SUBSCRIBE
	refresh *transaction.Timer
	expiry  *transaction.Timer
	heard   bool // a NOTIFY came since the last SUBSCRIBE
	leaving bool
	over    bool
}

// timerN is how long the NOTIFY to a SUBSCRIBE may take: 64*T1 (RFC 6665
// §4.1.2.4).
const timerN = 32 * time.Second

// Subscribe sends a SUBSCRIBE that begins a dialog. It may be called anywhere.
// The error says that the UA has no room.
func Subscribe(ua *dialog.UA, o dialog.Outbound, w Wish) (*Subscriber, error) {
	if w.Expires <= 0 {
		w.Expires = time.Hour
	}
	d, err := ua.NewPending(o)
	if err != nil {
		return nil, err
	}
	s := &Subscriber{Dialog: d, wish: w}
	if !ua.Post(d.Lane(), func() { d.Attach(s); s.subscribe(w.Expires) }) {
		ua.Table().Remove(d)
		return nil, dialog.ErrFull
	}
	return s, nil
}

// Implied is the subscription that a request of ours other than SUBSCRIBE
// makes, a REFER: none is sent. takes says by its event whether a NOTIFY is of
// it. The NOTIFY must come within 32 s.
func Implied(d *dialog.Dialog, takes func(Event) bool, w Wish) *Subscriber {
	s := &Subscriber{Dialog: d, wish: w, implied: takes}
	d.Attach(s)
	s.await(timerN)
	return s
}

// Do runs f on the subscription's lane, from any goroutine that is not on a lane.
func (s *Subscriber) Do(f func()) { s.Lane().Do(f) }

// Unsubscribe ends the subscription: a last NOTIFY is waited for.
func (s *Subscriber) Unsubscribe() {
	if s.over || s.leaving {
		return
	}
	s.leaving = true
	s.refresh.Stop()
	if !s.Pending() { // else the answer to the first SUBSCRIBE is waited for
		s.subscribe(0)
	}
}

// Drop ends the subscription on this side alone: it is known that the peer has
// none, or of no interest. A NOTIFY that still comes gets 481.
func (s *Subscriber) Drop() { s.finish(End{Reason: "dropped"}) }

func (s *Subscriber) subscribe(d time.Duration) {
	c := dialog.Content{Header: fmt.Appendf(nil, "Event: %s\r\nExpires: %d\r\n", s.wish.Event, int(d/time.Second))}
	if s.wish.Accept != "" {
		c.Header = append(append(append(c.Header, "Accept: "...), s.wish.Accept...), "\r\n"...)
	}
	first := s.Pending()
	s.heard = false
	if first {
		c.Header = append(c.Header, s.wish.Content.Header...)
		c.Type, c.Body = s.wish.Content.Type, s.wish.Content.Body
	}
	s.Send(s, "SUBSCRIBE", c, func(m *sip.Message, err error) { s.answered(d, first, m, err) })
}

func (s *Subscriber) answered(asked time.Duration, first bool, m *sip.Message, err error) {
	switch {
	case s.over:
	case err != nil:
		s.failed(first, m, err)
	case m.StatusCode() == 423 && s.longer(m):
	case m.StatusCode() >= 300:
		s.failed(first, m, nil)
	default:
		if s.Pending() {
			if err := s.Establish(m); err != nil {
				s.finish(End{Reason: "failed", Message: m, Err: err})
				return
			}
		}
		switch {
		case s.leaving && asked > 0:
			s.subscribe(0)
			return
		case s.leaving:
			s.await(timerN)
			return
		}
		if n, ok := m.Expires(); ok {
			asked = min(asked, time.Duration(n)*time.Second)
		}
		s.granted(asked)
		if !s.heard && m.StatusCode() != 204 { // no NOTIFY, no subscription, after a refresh as well (RFC 6665 §4.1.2.2)
			s.await(timerN)
		}
	}
}

// failed: a SUBSCRIBE that begins failed; a refresh that failed leaves the
// subscription until it expires, unless the peer does not know it.
func (s *Subscriber) failed(first bool, m *sip.Message, err error) {
	if first || s.leaving {
		s.finish(End{Reason: "failed", Message: m, Err: err})
	}
}

// longer tries once more with the least that the notifier takes.
func (s *Subscriber) longer(m *sip.Message) bool {
	n, ok := sip.ParseUint(m.Get(sip.HdrMinExpires), 1<<31-1)
	least := time.Duration(n) * time.Second
	if !ok || least <= s.wish.Expires || s.leaving {
		return false
	}
	s.wish.Expires = least
	s.subscribe(least)
	return true
}

// granted arms the refresh, well before the expiry.
func (s *Subscriber) granted(d time.Duration) {
	s.refresh.Stop()
	if s.implied == nil && d > 0 {
		s.refresh = s.Lane().After(d-min(d/5, time.Minute), func() { s.subscribe(s.wish.Expires) })
	}
	s.await(d)
}

// await ends the subscription when nothing is heard for so long.
func (s *Subscriber) await(d time.Duration) {
	s.expiry.Stop()
	s.expiry = s.Lane().After(d, func() { s.finish(End{Reason: "timeout", Err: errors.New("no NOTIFY in time")}) })
}

// Takes implements dialog.Usage.
func (s *Subscriber) Takes(m *sip.Message) bool {
	if m.Method() != sip.NOTIFY {
		return false
	}
	e := eventOf(m)
	return s.implied != nil && s.implied(e) || s.implied == nil && e == s.wish.Event
}

// Request implements dialog.Usage: a NOTIFY.
func (s *Subscriber) Request(r *rtc.Request) {
	st, ok := stateOf(r.Message)
	if !ok {
		s.Respond(r, 400, dialog.Content{Header: []byte("Warning: 399 - \"Subscription-State missing\"\r\n")})
		return
	}
	if s.Pending() {
		if err := s.Establish(r.Message); err != nil {
			s.Respond(r, 400, dialog.Content{})
			return
		}
	}
	s.heard = true
	switch {
	case st.Name == "terminated" || s.leaving:
	case st.Expires > 0:
		s.granted(st.Expires)
	default:
		s.await(cmp.Or(s.wish.Expires, 3*time.Minute)) // it names no time
	}
	s.Respond(r, 200, dialog.Content{})
	if s.wish.Notified != nil {
		s.wish.Notified(s, st, r.Message)
	}
	if st.Name == "terminated" {
		s.finish(End{Reason: st.Reason, RetryAfter: st.RetryAfter, Message: r.Message})
	}
}

// Gone implements dialog.Usage.
func (s *Subscriber) Gone(m *sip.Message, err error) {
	s.finish(End{Reason: "lost", Message: m, Err: err})
}

func (s *Subscriber) finish(e End) {
	if s.over {
		return
	}
	s.over = true
	s.refresh.Stop()
	s.expiry.Stop()
	s.Detach(s)
	if s.wish.Ended != nil {
		s.wish.Ended(s, e)
	}
}
