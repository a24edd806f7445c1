package pint

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
)

// Refusal is why a request is not taken on. It is the answer of every door.
type Refusal struct {
	Code        int           // SIP status
	Warn        int           // of the Warning, 399 when 0 (RFC 3261 §20.43)
	Text        string        // for people: what is wrong and what to do
	Unsupported []string      // attributes or extensions (RFC 2848 §3.4.4)
	After       time.Duration // when to ask again
}

// Error implements error.
func (r *Refusal) Error() string { return strconv.Itoa(r.Code) + " " + r.Text }

// Refuse makes a Refusal.
func Refuse(code int, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Lines are its header lines; agent is who warns.
func (r *Refusal) Lines(agent string) []byte {
	warn := r.Warn
	if warn == 0 {
		warn = 399
	}
	b := fmt.Appendf(nil, "Warning: %d %s \"%s\"\r\n", warn, agent, Plain(r.Text))
	if len(r.Unsupported) > 0 {
		b = fmt.Appendf(b, "Unsupported: %s\r\n", Plain(strings.Join(r.Unsupported, ", ")))
	}
	if r.After > 0 {
		b = fmt.Appendf(b, "Retry-After: %d\r\n", int64((r.After+time.Second-1)/time.Second))
	}
	return b
}

// Status is the SIP response.
func (r *Refusal) Status(agent string) *rtc.Status {
	return &rtc.Status{Code: r.Code, Header: r.Lines(agent), Err: r}
}

// Plain is text fit for a quoted string and for one line.
func Plain(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c < ' ' || c == 0x7f:
			return ' '
		case c == '"' || c == '\\':
			return '\''
		}
		return c
	}, s)
}
