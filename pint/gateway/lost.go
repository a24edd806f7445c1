package gateway

import (
	"errors"
	"math/rand/v2"

	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

// withinLost takes a request in a dialog that began before a restart. The session is on
// disk, the dialog is not: a BYE needs no dialog, and a re-INVITE brings all that is needed
// to make it again. Other requests are left to the dialogs there are. d is the dialog when
// it came back for its watchers, else nil.
func (g *Gateway) withinLost(r *rtc.Request, d *dialog.Dialog) error {
	session, ok := g.exec.ByDialog(string(r.CallID()), string(r.ToTag()))
	switch {
	case ok && r.Method() == sip.BYE:
		return g.bye(r, session, func() error {
			r.Respond(200, "", nil)
			return nil
		})
	case ok && r.Method() == sip.INVITE && !session.State.Final() && (r.Identity == nil || r.Identity.AOR == session.By):
		if err := g.resume(r, d, session); err != nil {
			return err
		}
	}
	err := g.ua.Serve(r)
	var st *rtc.Status
	if errors.As(err, &st) && st.Code == 481 && g.exec.Loading() { // its session may still be read
		return &rtc.Status{Code: 503, Header: []byte("Retry-After: 1\r\n")}
	}
	return err
}

// resume goes on with the dialog of a session by a request in it: who sends it, where to,
// and by which way are as in the INVITE that began it (RFC 3261 §12.1.1).
func (g *Gateway) resume(r *rtc.Request, d *dialog.Dialog, session pint.Session) error {
	if d != nil {
		g.lead(g.ua.Adopt(d, g.events()), session.ID)
		return nil
	}
	seq, _ := r.CSeq()
	st := dialog.Stored{
		CallID: string(r.CallID()), Local: string(r.ToTag()), Remote: string(r.FromTag()), Called: true,
		From: string(r.Get(sip.HdrTo)), To: string(r.Get(sip.HdrFrom)),
		LocalSeq:  1<<30 + rand.Uint32N(1<<16), // behind all that we can have sent
		RemoteSeq: seq, RemoteKnown: true, ContactUser: session.ID,
	}
	contact, ok := r.FirstAddr(sip.HdrContact)
	if !ok { // RFC 2543
		if contact, ok = r.From(); !ok {
			return &rtc.Status{Code: 400}
		}
		st.Sticky = true
	}
	st.Target = string(contact.URI)
	for route := range r.Values(sip.HdrRecordRoute) {
		st.Routes = append(st.Routes, string(route))
	}
	s, err := g.ua.RestoreCall(st, r.Flow(), g.events())
	if err != nil {
		return &rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n"), Err: err}
	}
	g.lead(s, session.ID)
	return nil
}
