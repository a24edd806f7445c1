package refer

import (
	"strconv"
	"strings"

	"tandem/rtc/dialog"
	"tandem/rtc/dialog/subscription"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// Reference is what the peer of a call is asked to call.
type Reference struct {
	To       string   // URI
	Replaces Replaced // the dialog it is to take over, as the peer of that dialog knows it; zero: none
	By       string   // value of Referred-By, "" = none
	Quiet    bool     // no NOTIFYs are wanted (RFC 4488)
	Header   []byte   // further lines
	// Progress is told each provisional status of the reference; may be nil.
	Progress func(code int, reason string)
	// Done is told once: accepted says that the peer took the REFER, code how the
	// reference ended; 0: that is not known, because the peer does not tell, or
	// has gone. Without accepted, code is the answer to the REFER, 0 for none.
	Done func(accepted bool, code int, reason string)
}

// Send sends a REFER in the dialog of a call. It runs on the dialog's lane, as
// do the callbacks.
func Send(s *dialog.Session, ref Reference) {
	x := &sent{ref: ref}
	x.told = subscription.Implied(s.Dialog, x.takes, subscription.Wish{Expires: lifetime, Notified: x.notified, Ended: x.ended})
	c := dialog.Content{Header: append([]byte("Refer-To: <"+ref.to()+">\r\n"), ref.Header...)}
	if ref.By != "" {
		c.Header = append(c.Header, "Referred-By: "+ref.By+"\r\n"...)
	}
	if ref.Quiet {
		c.Header = append(c.Header, "Refer-Sub: false\r\nSupported: norefersub\r\n"...)
	}
	x.refer = s.Dialog.Send(s, "REFER", c, x.answered)
}

// to is the URI of the Refer-To, with the Replaces header in it (RFC 3891 §7).
func (r *Reference) to() string {
	if r.Replaces == (Replaced{}) {
		return r.To
	}
	v := r.Replaces.CallID + ";to-tag=" + r.Replaces.ToTag + ";from-tag=" + r.Replaces.FromTag
	if r.Replaces.EarlyOnly {
		v += ";early-only"
	}
	sep := "?"
	if strings.Contains(r.To, "?") {
		sep = "&"
	}
	return r.To + sep + "Replaces=" + escaped(v)
}

// escaped is text for a header in a URI (RFC 3261 §25.1, hvalue).
func escaped(s string) string {
	const free = "-_.!~*'()[]/?:+$"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte(free, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)|1<<8, 16)[1:]))
	}
	return b.String()
}

// sent is a REFER of ours and what is heard of it.
type sent struct {
	ref      Reference
	refer    *uac.Sending
	told     *subscription.Subscriber
	accepted bool
	code     int
	reason   string
}

// takes reports whether a NOTIFY is about this REFER: its id is our CSeq number,
// or is left out, as it may be for the first REFER (RFC 3515 §2.4.6).
func (x *sent) takes(e subscription.Event) bool {
	if e.Package != "refer" {
		return false
	}
	return e.ID == "" || x.refer != nil && e.ID == strconv.FormatUint(uint64(x.refer.Seq()), 10)
}

func (x *sent) answered(m *sip.Message, err error) {
	switch {
	case err != nil:
		x.refused(0, err.Error())
	case m.StatusCode() >= 300:
		x.refused(m.StatusCode(), string(m.ReasonPhrase()))
	default:
		x.accepted = true
		if strings.EqualFold(string(m.Get(sip.HdrReferSub)), "false") {
			x.told.Drop()
		}
	}
}

func (x *sent) refused(code int, reason string) {
	x.code, x.reason = code, reason
	x.told.Drop()
}

func (x *sent) notified(_ *subscription.Subscriber, _ subscription.State, m *sip.Message) {
	x.accepted = true // it may come before the 202
	code, reason, ok := statusOf(m.Body())
	switch {
	case !ok || x.code >= 200:
	case code < 200:
		if x.ref.Progress != nil {
			x.ref.Progress(code, reason)
		}
	default:
		x.code, x.reason = code, reason
	}
}

func (x *sent) ended(*subscription.Subscriber, subscription.End) {
	if x.ref.Done != nil {
		x.ref.Done(x.accepted, x.code, x.reason)
	}
}
