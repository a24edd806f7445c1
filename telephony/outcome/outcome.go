// Package outcome says how an attempt to reach somebody failed, what of it the caller
// is told, and whether another attempt may do better.
package outcome

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
	"tandem/telephony/diversion"
	"tandem/telephony/q850"
)

// Outcome is how an attempt to reach somebody failed.
type Outcome struct {
	Code    int    // SIP status; 0: it did not fail
	Text    string // for people: the log, the record, a Warning
	Reason  string // value of the Reason header that came with it, "" without one
	Header  []byte // further lines for the caller
	Contact string // of a phone that sends the call on itself (3xx)
	warned  string // code of the Warning that came with a refused description
}

// Of reads the final response to an INVITE of ours, or why none came.
func Of(m *sip.Message, err error) Outcome {
	var st *rtc.Status
	switch {
	case errors.As(err, &st): // it was not permitted to go there
		return Outcome{Code: st.Code, Text: err.Error()}
	case m != nil:
		o := Outcome{Code: m.StatusCode(), Text: string(m.ReasonPhrase()), Reason: strings.TrimSpace(string(m.Get(sip.HdrReason))), warned: warningOf(m)}
		if o.Code/100 == 3 {
			o.Contact = preferred(m)
		}
		return o
	case errors.Is(err, dialog.ErrCanceled):
		return Outcome{Code: 487, Text: err.Error()}
	case errors.Is(err, dialog.ErrNoDescription):
		return Outcome{Code: 502, Text: err.Error()}
	case errors.Is(err, uac.ErrUnreachable):
		return Outcome{Code: 503, Text: err.Error()}
	case err != nil:
		return Outcome{Code: 408, Text: err.Error()}
	}
	return Outcome{Code: 408, Text: "no answer"}
}

// preferred is the Contact of a redirection with the highest q, of equal ones the first
// (RFC 3261 §8.1.3.4).
func preferred(m *sip.Message) (contact string) {
	best := -1
	for v := range m.Values(sip.HdrContact) {
		if a, err := sip.ParseNameAddr(v); err == nil && int(a.Quality()) > best {
			contact, best = string(a.URI), int(a.Quality())
		}
	}
	return contact
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

// Described is what a description that cannot be used is answered with.
func Described(err error) Outcome {
	var bad *sdp.Error
	switch {
	case errors.As(err, &bad) && bad.Status != 0:
		return Outcome{Code: bad.Status, Text: bad.Reason}
	case errors.Is(err, media.ErrFull):
		return Outcome{Code: 503, Text: err.Error(), Header: []byte("Retry-After: 5\r\n")}
	}
	return Outcome{Code: 488, Text: err.Error()}
}

// Global reports whether nobody else needs to be tried (RFC 3261 §21.6).
func (o Outcome) Global() bool { return o.Code >= 600 }

// Deflected reports whether a phone has sent the call on itself (RFC 3261 §21.3).
func (o Outcome) Deflected() bool { return (o.Code == 301 || o.Code == 302) && o.Contact != "" }

// Nowhere reports whether the device may not have been reached: nothing was heard of
// it, or of its connection (RFC 5626 §5.3, §7).
func (o Outcome) Nowhere() bool { return o.Code == 408 || o.Code == 430 || o.Code == 503 }

// Redirected reports whether a trunk has named another address for the call (RFC
// 3261 §21.3.1 to §21.3.3).
func (o Outcome) Redirected() bool { return o.Code >= 300 && o.Code <= 302 && o.Contact != "" }

// GoesOn reports whether another trunk may succeed where one failed so. rang is
// whether the called party's phone has rung.
func (o Outcome) GoesOn(rang bool) bool {
	return gateways.FailureOf(o.Code, o.Reason, rang).Next
}

// Or is the outcome of two that tells the caller more: one that a person caused
// before one that the network caused, and the later before the earlier.
func (o Outcome) Or(p Outcome) Outcome {
	if o.Code == 0 || p.weight() >= o.weight() {
		return p
	}
	return o
}

func (o Outcome) weight() int {
	switch {
	case o.Code >= 600:
		return 4
	case o.Code == 486 || o.Code == 404 || o.Code == 484 || o.Code == 410:
		return 3
	case o.Code >= 300 && o.Code < 500 && o.Code != 408 && o.Code != 401 && o.Code != 407:
		return 2
	}
	return 1
}

// OrElse is the outcome, or another one when nothing was tried.
func (o Outcome) OrElse(code int, text string) Outcome {
	switch {
	case o.Code == 0:
		return Outcome{Code: code, Text: text}
	case o.Code < 400: // redirections of a trunk are not the caller's business
		o.Code = 480
	case o.Code == 401 || o.Code == 407: // the trunk refuses us, not the caller
		o.Code, o.Text = 500, "the trunk does not accept this server's credentials"
	}
	return o
}

// Lines are the header lines of the answer to the caller.
func (o Outcome) Lines(agent string) []byte {
	lines := append([]byte(nil), o.Header...)
	if o.Reason == "" && o.Code >= 400 {
		o.Reason = q850.OfStatus(o.Code).Reason() // RFC 6432 §3
	}
	lines = append(lines, ReasonLine(o.Reason)...)
	if o.warned != "" {
		lines = fmt.Appendf(lines, "Warning: %s %s %q\r\n", o.warned, agent, "the called device does not take what was offered")
	}
	if o.Text != "" && !strings.EqualFold(o.Text, sip.ReasonPhrase(o.Code)) {
		lines = fmt.Appendf(lines, "Warning: 399 %s %q\r\n", agent, printable(o.Text)) // RFC 3261 §20.43
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

// Warning tells people why (RFC 3261 §20.43).
func Warning(agent, text string) []byte {
	return []byte("Warning: 399 " + agent + ` "` + printable(text) + "\"\r\n")
}

// Text is a status as people read it.
func Text(st *rtc.Status) string {
	if st.Err != nil {
		return st.Err.Error()
	}
	if st.Reason != "" {
		return st.Reason
	}
	return sip.ReasonPhrase(st.Code)
}

// ReasonLine is a Reason header line (RFC 3326), nil for "".
func ReasonLine(value string) []byte {
	if value == "" {
		return nil
	}
	return []byte("Reason: " + value + "\r\n")
}

// Diversion is why a call that nobody took is sent on. rang is whether a phone has
// rung.
func (o Outcome) Diversion(rang bool) diversion.Reason {
	switch {
	case o.Code == 486 || o.Code == 600 || o.Code == 603:
		return diversion.Busy
	case rang:
		return diversion.NoAnswer
	}
	return diversion.Unavailable
}
