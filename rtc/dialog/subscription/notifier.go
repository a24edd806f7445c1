package subscription

import (
	"fmt"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// Terms are what a Notifier grants.
type Terms struct {
	Event   Event
	Expires time.Duration // for the first time; a refresh gets what it asks for up to Longest
	Longest time.Duration // default an hour
	Least   time.Duration // a shorter one gets 423 (RFC 6665 §4.2.1.1); default a minute
	Pending bool          // nobody has decided yet whether the subscriber may know: see Activate
	// Document is asked for the body of each NOTIFY when it is sent.
	Document func(n *Notifier) dialog.Content
	// Ended is told once, when nothing more will be sent; may be nil.
	Ended func(n *Notifier, why End)
}

// End says why a subscription ended.
type End struct {
	Reason     string // of Subscription-State, or "lost": the peer does not know it any more
	RetryAfter time.Duration
	Message    *sip.Message // the message that said so, nil when there was none; valid while it is told
	Err        error
}

// Notifier is the notifier's side of one subscription.
type Notifier struct {
	*dialog.Dialog

	terms   Terms
	until   time.Time
	expiry  *transaction.Timer
	sending bool   // a NOTIFY has no answer yet; others wait for it
	dirty   bool   // one waits
	ending  string // the reason of the last NOTIFY, which is sent or waits
	last    bool   // it is sent
	over    bool
}

// Accept takes a SUBSCRIBE that begins a dialog: it is answered 200 and the
// first NOTIFY follows. The error is a *rtc.Status, to be answered. The caller
// has decided that the sender may subscribe.
func Accept(ua *dialog.UA, r *rtc.Request, how dialog.Inbound, t Terms) (*Notifier, error) {
	asked, err := t.asked(r.Message)
	if err != nil {
		return nil, err
	}
	d, err := ua.NewServer(r, how)
	if err != nil {
		return nil, err
	}
	if err := d.Enter(); err != nil {
		return nil, err
	}
	d.Confirm()
	n := New(d, t)
	d.Respond(r, 200, dialog.Content{Header: expiresLine(asked)})
	n.grant(asked)
	return n, nil
}

// New is a subscription in a dialog without a SUBSCRIBE: that of a REFER, or one
// that is restored. The first NOTIFY is sent by Changed.
func New(d *dialog.Dialog, t Terms) *Notifier {
	t.complete()
	n := &Notifier{Dialog: d, terms: t}
	d.Attach(n)
	n.arm(t.Expires)
	return n
}

func (t *Terms) complete() {
	if t.Longest <= 0 {
		t.Longest = time.Hour
	}
	if t.Least <= 0 {
		t.Least = time.Minute
	}
	if t.Expires <= 0 {
		t.Expires = t.Longest
	}
}

// asked is the duration a SUBSCRIBE gets, 0 when it ends the subscription.
func (t *Terms) asked(m *sip.Message) (time.Duration, error) {
	t.complete()
	return rtc.Lifetime{Default: t.Expires, Least: t.Least, Longest: t.Longest}.Asked(m)
}

func expiresLine(d time.Duration) []byte {
	return fmt.Appendf(nil, "Expires: %d\r\n", int(d/time.Second))
}

// grant follows a 2xx to SUBSCRIBE: a NOTIFY, the last one if the subscription
// is to end (RFC 6665 §4.2.1.2).
func (n *Notifier) grant(d time.Duration) {
	if d == 0 {
		n.End("timeout")
		return
	}
	n.arm(d)
	n.Changed()
}

func (n *Notifier) arm(d time.Duration) {
	n.expiry.Stop()
	n.until = time.Now().Add(d)
	n.expiry = n.Lane().After(d, func() { n.End("timeout") })
}

// Takes implements dialog.Usage.
func (n *Notifier) Takes(m *sip.Message) bool {
	return m.Method() == sip.SUBSCRIBE && eventOf(m) == n.terms.Event
}

// Request implements dialog.Usage: a refresh.
func (n *Notifier) Request(r *rtc.Request) {
	asked, err := n.terms.asked(r.Message)
	if n.ending != "" {
		err = &rtc.Status{Code: 481} // it has said that it is over
	}
	if st, ok := err.(*rtc.Status); ok {
		r.Respond(st.Code, st.Reason, st.Header)
		return
	}
	n.Respond(r, 200, dialog.Content{Header: expiresLine(asked)})
	n.grant(asked)
}

// Changed sends a NOTIFY with what Document now says. While one waits for its
// answer, further changes merge into the next.
func (n *Notifier) Changed() {
	if n.over || n.last {
		return
	}
	if n.sending {
		n.dirty = true
		return
	}
	n.notify()
}

// Activate ends the pending state, and says so.
func (n *Notifier) Activate() {
	n.terms.Pending = false
	n.Changed()
}

// End sends the last NOTIFY: reason as in RFC 6665 §4.1.3.
func (n *Notifier) End(reason string) {
	if n.ending != "" || n.over {
		return
	}
	n.ending = reason
	n.expiry.Stop()
	n.Changed()
}

// state of the subscription.
func (n *Notifier) state() State {
	switch {
	case n.ending != "":
		return State{Name: "terminated", Reason: n.ending}
	case n.terms.Pending:
		return State{Name: "pending", Expires: time.Until(n.until)}
	}
	return State{Name: "active", Expires: time.Until(n.until)}
}

func (n *Notifier) notify() {
	n.dirty, n.sending, n.last = false, true, n.ending != ""
	var c dialog.Content
	if n.terms.Document != nil {
		c = n.terms.Document(n)
	}
	c.Header = append(fmt.Appendf(nil, "Event: %s\r\nSubscription-State: %s\r\n", n.terms.Event, n.state()), c.Header...)
	n.Send(n, "NOTIFY", c, func(m *sip.Message, err error) {
		n.sending = false
		switch {
		case n.over:
		case n.last:
			n.finish(End{Reason: n.ending, Message: m, Err: err})
		case n.dirty && dialog.EffectOf("NOTIFY", m, err) == dialog.OnTransaction:
			n.notify()
		}
	})
}

// Gone implements dialog.Usage.
func (n *Notifier) Gone(m *sip.Message, err error) {
	n.finish(End{Reason: "lost", Message: m, Err: err})
}

func (n *Notifier) finish(e End) {
	if n.over {
		return
	}
	n.over = true
	n.expiry.Stop()
	n.Detach(n)
	if n.terms.Ended != nil {
		n.terms.Ended(n, e)
	}
}
