package telephony

import (
	"errors"
	"fmt"
	"strings"

	"tandem/gateways"
	"tandem/media"
	"tandem/media/sdp"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
	"tandem/telephony/q850"
)

// outcome is how an attempt to reach somebody failed.
type outcome struct {
	code    int    // SIP status; 0: it did not fail
	text    string // for people: the log, the record, a Warning
	reason  string // value of the Reason header that came with it, "" without one
	header  []byte // further lines for the caller
	contact string // of a phone that sends the call on itself (3xx)
	warned  string // code of the Warning that came with a refused description
}

// outcomeOf reads the final response to an INVITE of ours, or why none came.
func outcomeOf(m *sip.Message, err error) outcome {
	var st *rtc.Status
	switch {
	case errors.As(err, &st): // it was not permitted to go there
		return outcome{code: st.Code, text: err.Error()}
	case m != nil:
		o := outcome{code: m.StatusCode(), text: string(m.ReasonPhrase()), reason: strings.TrimSpace(string(m.Get(sip.HdrReason))), warned: warningOf(m)}
		if a, ok := m.FirstAddr(sip.HdrContact); ok && o.code/100 == 3 {
			o.contact = string(a.URI)
		}
		return o
	case errors.Is(err, dialog.ErrCanceled):
		return outcome{code: 487, text: err.Error()}
	case errors.Is(err, dialog.ErrNoDescription):
		return outcome{code: 502, text: err.Error()}
	case errors.Is(err, uac.ErrUnreachable):
		return outcome{code: 503, text: err.Error()}
	case err != nil:
		return outcome{code: 408, text: err.Error()}
	}
	return outcome{code: 408, text: "no answer"}
}

// warningOf is the code in the Warning of a refused description (RFC 3261
// §21.4.26), "" when there is none. Its text names hosts behind us and stays here.
func warningOf(m *sip.Message) string {
	code, _, _ := strings.Cut(string(m.Get(sip.HdrWarning)), " ")
	if m.StatusCode() != 488 && m.StatusCode() != 606 || len(code) != 3 || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}

// described is what a description that cannot be used is answered with.
func described(err error) outcome {
	var bad *sdp.Error
	switch {
	case errors.As(err, &bad) && bad.Status != 0:
		return outcome{code: bad.Status, text: bad.Reason}
	case errors.Is(err, media.ErrFull):
		return outcome{code: 503, text: err.Error(), header: []byte("Retry-After: 5\r\n")}
	}
	return outcome{code: 488, text: err.Error()}
}

// global reports whether nobody else needs to be tried (RFC 3261 §21.6).
func (o outcome) global() bool { return o.code >= 600 }

// deflected reports whether a phone has sent the call on itself (RFC 3261 §21.3).
func (o outcome) deflected() bool { return (o.code == 301 || o.code == 302) && o.contact != "" }

// goesOn reports whether another trunk may succeed where one failed so. rang is
// whether the called party's phone has rung.
func (o outcome) goesOn(rang bool) bool {
	return gateways.FailureOf(o.code, o.reason, rang).Next
}

// or is the outcome of two that tells the caller more: one that a person caused
// before one that the network caused, and the later before the earlier.
func (o outcome) or(p outcome) outcome {
	if o.code == 0 || p.weight() >= o.weight() {
		return p
	}
	return o
}

func (o outcome) weight() int {
	switch {
	case o.code >= 600:
		return 4
	case o.code == 486 || o.code == 404 || o.code == 484 || o.code == 410:
		return 3
	case o.code >= 300 && o.code < 500 && o.code != 408 && o.code != 401 && o.code != 407:
		return 2
	}
	return 1
}

// orElse is the outcome, or another one when nothing was tried.
func (o outcome) orElse(code int, text string) outcome {
	switch {
	case o.code == 0:
		return outcome{code: code, text: text}
	case o.code < 400: // redirections of a trunk are not the caller's business
		o.code = 480
	case o.code == 401 || o.code == 407: // the trunk refuses us, not the caller
		o.code, o.text = 500, "the trunk does not accept this server's credentials"
	}
	return o
}

// lines are the header lines of the answer to the caller.
func (o outcome) lines(agent string) []byte {
	lines := append([]byte(nil), o.header...)
	if o.reason == "" && o.code >= 400 {
		o.reason = q850.OfStatus(o.code).Reason() // RFC 6432 §3
	}
	lines = append(lines, reasonLine(o.reason)...)
	if o.warned != "" {
		lines = fmt.Appendf(lines, "Warning: %s %s %q\r\n", o.warned, agent, "the called device does not take what was offered")
	}
	if o.text != "" && !strings.EqualFold(o.text, sip.ReasonPhrase(o.code)) {
		lines = fmt.Appendf(lines, "Warning: 399 %s %q\r\n", agent, printable(o.text)) // RFC 3261 §20.43
	}
	return lines
}

// printable is text fit for a quoted string.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, s)
}
