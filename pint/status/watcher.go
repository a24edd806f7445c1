package status

import (
	"errors"
	"fmt"
	"time"

	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// watcher is one subscription: a usage of a dialog, that of the INVITE or one of
// its own. All of it is on the dialog's lane.
type watcher struct {
	*dialog.Dialog
	server  *Server
	session string
	by      rtc.AOR // the requester

	until   time.Time
	expiry  *transaction.Timer
	seen    int              // steps of the session that have been told
	waiting []dialog.Content // NOTIFYs that wait for the answer to the one before
	sending bool
	ending  bool // it has been told that it is over
	over    bool
}

// maxWaiting is how many NOTIFYs wait for a watcher that does not answer; then the
// newest takes the place of the one before.
const maxWaiting = 32

// Takes implements dialog.Usage: SUBSCRIBE and UNSUBSCRIBE without Event.
func (w *watcher) Takes(m *sip.Message) bool {
	if m.Has(sip.HdrEvent) {
		return false
	}
	return m.Method() == sip.SUBSCRIBE || string(m.MethodName()) == "UNSUBSCRIBE"
}

// Request implements dialog.Usage.
func (w *watcher) Request(r *rtc.Request) {
	if r.Method() != sip.SUBSCRIBE { // RFC 2848 §3.5.3.3: Expires says how long the session is still kept
		w.Respond(r, 200, dialog.Content{Header: fmt.Appendf(nil, "Expires: %d\r\n", w.server.cfg.Keep)})
		w.close()
		return
	}
	if err := w.server.Subscribe(r, w.Dialog, w.by); err != nil {
		refuse(r, err)
	}
}

func refuse(r *rtc.Request, err error) {
	var st *rtc.Status
	if !errors.As(err, &st) {
		st = &rtc.Status{Code: 500}
	}
	r.Respond(st.Code, st.Reason, st.Header)
}

// answer grants a SUBSCRIBE, once it is on disk: its 200 has the description as it is
// now.
func (w *watcher) answer(r *rtc.Request, found *pint.Session, expires uint32) {
	if expires == 0 { // a poll; nothing is to be kept
		w.grant(r, found, expires)
		return
	}
	r.Hold()
	w.until = time.Now().Add(time.Duration(expires) * time.Second)
	w.keep(func(err error) {
		if err != nil {
			r.Respond(503, "", []byte("Retry-After: 5\r\n"))
			w.close()
			return
		}
		if now, ok := w.server.cfg.Sessions.Session(found.ID); ok { // it may have gone on meanwhile
			found = &now
		}
		w.grant(r, found, expires)
	})
}

// grant answers a SUBSCRIBE and begins to tell.
func (w *watcher) grant(r *rtc.Request, found *pint.Session, expires uint32) {
	c := w.server.Document(found)
	ok := c
	ok.Header = append(fmt.Appendf(nil, "Expires: %d\r\n", expires), c.Header...)
	w.Respond(r, 200, ok)
	w.expiry.Stop()
	if expires == 0 { // a poll; the 200 said it all
		w.close()
		return
	}
	w.expiry = w.Lane().After(time.Duration(expires)*time.Second, w.expire)
	w.seen = 0 // it is told anew
	w.tell(len(found.Events), c)
}

// tell sends a NOTIFY after those before it. A session with as many steps has been
// told already when the subscription was granted.
func (w *watcher) tell(steps int, c dialog.Content) {
	switch fresh := steps > w.seen; {
	case w.over || !fresh:
		return
	case len(w.waiting) == maxWaiting:
		w.waiting[maxWaiting-1] = c
	default:
		w.waiting = append(w.waiting, c)
		w.next()
	}
	w.seen = steps
}

func (w *watcher) next() {
	if w.sending || len(w.waiting) == 0 || w.over || w.ending {
		return
	}
	c := w.waiting[0]
	w.waiting = w.waiting[1:]
	w.sending = true
	w.Send(w, "NOTIFY", c, func(m *sip.Message, err error) {
		w.sending = false
		switch {
		case err != nil || m.StatusCode() == 481:
			w.close()
		case m.StatusCode() >= 300: // RFC 2848 §3.5.3.2: it may count as a failure
			w.expire()
		default:
			w.next()
		}
	})
}

// expire tells the watcher that the subscription is over (RFC 2848 §3.5.3.3).
func (w *watcher) expire() {
	if w.over || w.ending {
		return
	}
	w.ending = true
	c := dialog.Content{Header: fmt.Appendf(nil, "Expires: %d\r\n", w.server.cfg.Keep)}
	w.Send(w, "UNSUBSCRIBE", c, func(*sip.Message, error) { w.close() })
}

// Gone implements dialog.Usage.
func (w *watcher) Gone(*sip.Message, error) { w.close() }

func (w *watcher) close() {
	if w.over {
		return
	}
	w.over = true
	w.expiry.Stop()
	w.drop()
	w.server.remove(w)
	w.Detach(w)
}
