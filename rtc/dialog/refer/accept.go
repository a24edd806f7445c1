package refer

import (
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/subscription"
	"tandem/rtc/sip"
)

// lifetime of the subscription of a REFER: how long a reference may take.
const lifetime = 3 * time.Minute

// Referral is a REFER that the peer sent and that is followed.
type Referral struct {
	Target
	ReferredBy string // value of Referred-By (RFC 3892), "" when absent

	told     *subscription.Notifier // nil: nobody wants to know (RFC 4488)
	code     int
	reason   string
	finished bool
}

// Read reads a REFER without answering it. The error is a *rtc.Status.
func Read(m *sip.Message) (Target, error) {
	if m.Count(sip.HdrReferTo) != 1 { // RFC 3515 §2.4.2
		return Target{}, &rtc.Status{Code: 400, Reason: "One Refer-To Wanted"}
	}
	t, reason := parseTarget(m.Get(sip.HdrReferTo))
	if reason != "" {
		return t, &rtc.Status{Code: 400, Reason: reason}
	}
	return t, nil
}

// Accept answers a REFER in the dialog of a call by 202 and begins to tell how
// the reference goes: first 100 Trying. The error is a *rtc.Status; the REFER
// is then not answered. It runs on the dialog's lane, as do the methods.
func Accept(in *dialog.Incoming) (*Referral, error) {
	t, err := Read(in.Message)
	if err != nil {
		return nil, err
	}
	r := &Referral{Target: t, ReferredBy: string(in.Get(sip.HdrReferredBy)), code: 100}
	if strings.EqualFold(string(in.Get(sip.HdrReferSub)), "false") || in.HasToken(sip.HdrRequire, "norefersub") {
		in.Respond(202, dialog.Content{Header: []byte("Refer-Sub: false\r\n")}) // RFC 4488 §4
		return r, nil
	}
	seq, _ := in.CSeq()
	// The id is optional for the first REFER of a dialog alone (RFC 3515 §2.4.6).
	event := subscription.Event{Package: "refer", ID: strconv.FormatUint(uint64(seq), 10)}
	in.Respond(202, dialog.Content{})
	r.told = subscription.New(in.Session.Dialog, subscription.Terms{Event: event, Expires: lifetime, Longest: lifetime, Least: time.Second, Document: r.document})
	r.told.Changed()
	return r, nil
}

// Outside answers a REFER that is in the dialog of no call by 202. It makes a dialog, in
// which is told how the reference goes: first 100 Trying. The error is a *rtc.Status;
// the REFER is then not answered. It runs on the lane of the request.
func Outside(ua *dialog.UA, r *rtc.Request, how dialog.Inbound) (*Referral, error) {
	t, err := Read(r.Message)
	if err != nil {
		return nil, err
	}
	ref := &Referral{Target: t, ReferredBy: string(r.Get(sip.HdrReferredBy)), code: 100}
	if strings.EqualFold(string(r.Get(sip.HdrReferSub)), "false") || r.HasToken(sip.HdrRequire, "norefersub") {
		r.Respond(202, "", []byte("Refer-Sub: false\r\n")) // RFC 4488 §4
		return ref, nil
	}
	d, err := ua.NewServer(r, how)
	if err != nil {
		return nil, err
	}
	if err := d.Enter(); err != nil {
		return nil, err
	}
	d.Confirm()
	ref.told = subscription.New(d, subscription.Terms{Event: subscription.Event{Package: "refer"}, Expires: lifetime, Longest: lifetime,
		Least: time.Second, Document: ref.document})
	d.Respond(r, 202, dialog.Content{})
	ref.told.Changed()
	return ref, nil
}

// Do runs f on the lane of the dialog, from any goroutine that is not on a lane.
func (r *Referral) Do(f func()) {
	if r.told == nil {
		f()
		return
	}
	r.told.Lane().Do(f)
}

// Progress tells the status of the reference: a provisional one.
func (r *Referral) Progress(code int, reason string) {
	if !r.finished && code > r.code {
		r.tell(code, reason)
	}
}

// Finish tells how the reference ended, which ends the subscription.
func (r *Referral) Finish(code int, reason string) {
	if r.finished {
		return
	}
	r.finished = true
	r.code, r.reason = code, reason
	if r.told != nil {
		r.told.End("noresource") // RFC 3515 §2.4.7
	}
}

func (r *Referral) tell(code int, reason string) {
	r.code, r.reason = code, reason
	if r.told != nil {
		r.told.Changed()
	}
}

// document is a status line alone (RFC 3515 §2.4.5). The message that it comes
// from may hold what the transferor must not see (§5).
func (r *Referral) document(*subscription.Notifier) dialog.Content {
	b := sip.Builder{}
	b.Status(r.code, r.reason)
	return dialog.Content{Type: "message/sipfrag;version=2.0", Body: b.Buf}
}
