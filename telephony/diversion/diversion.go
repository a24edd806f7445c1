// Package diversion holds by whom a call was sent on: the chain of users who
// forward it, as the headers Diversion (RFC 5806) and History-Info (RFC 7044) tell
// it to the next party.
//
// It owns the words and the headers. Whether a call is sent on, and where, is
// telephony's to decide.
package diversion

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Reason is why a call was sent on, in the words of RFC 5806 §4.
type Reason string

// The reasons.
const (
	Unconditional Reason = "unconditional"
	Busy          Reason = "user-busy"
	NoAnswer      Reason = "no-answer"
	Unavailable   Reason = "unavailable"
	DoNotDisturb  Reason = "do-not-disturb"
	Deflection    Reason = "deflection" // the called phone itself sent it on
)

// cause is the SIP status that says the same (RFC 4458 §2, RFC 7544 §7.1).
func (r Reason) cause() int {
	switch r {
	case Busy, DoNotDisturb:
		return 486
	case NoAnswer:
		return 408
	case Unavailable:
		return 503
	case Deflection:
		return 480
	}
	return 302
}

// most is how often a call may be sent on, here and before it came here.
const most = 5

// ErrLoop says that a call would be sent on in a circle, or too often.
var ErrLoop = errors.New("the call is forwarded in a circle")

// Hop is one who sent the call on.
type Hop struct {
	User    rtc.AOR
	Name    string // shown, not quoted
	URI     string // by which others know him
	Reason  Reason
	Private bool // not to be shown (RFC 3323)
}

// Chain is all of them, in order. The zero value is a call that nobody sent on.
type Chain struct {
	before int // how often others had done so when it came here
	hops   []Hop
}

// Read is the chain of a call that comes from a peer that is believed.
func Read(m *sip.Message) (c Chain) {
	for i := range m.Len() {
		h := m.At(i)
		if !sip.EqualFold(h.Name, "Diversion") {
			continue
		}
		for v := range sip.Elements(h.Value) {
			n := 1
			if a, err := sip.ParseNameAddr(v); err == nil {
				if text, ok := sip.Param(a.Params, "counter"); ok {
					if count, err := strconv.Atoi(string(text)); err == nil && count > 1 {
						n = min(count, 100)
					}
				}
			}
			c.before += n
		}
	}
	return c
}

// Add is the chain with one more hop. The error is ErrLoop when the user has sent
// the call on already, or when it was sent on too often.
func (c Chain) Add(h Hop) (Chain, error) {
	if c.Has(h.User) || c.before+len(c.hops) >= most {
		return c, ErrLoop
	}
	c.hops = append(slices.Clip(c.hops), h)
	return c, nil
}

// Has reports whether a user has sent the call on.
func (c Chain) Has(user rtc.AOR) bool {
	return slices.ContainsFunc(c.hops, func(h Hop) bool { return h.User == user })
}

// Hops are those who sent the call on here, in order.
func (c Chain) Hops() []Hop { return c.hops }

// Shown is the chain as phones are told it: without who is not to be shown.
func (c Chain) Shown() Chain {
	c.hops = slices.Clone(c.hops)
	for i := range c.hops {
		if h := &c.hops[i]; h.Private {
			h.Name, h.URI = "", "sip:anonymous@anonymous.invalid" // RFC 7044 §10.1.2
		}
	}
	return c
}

// Lines are the header lines for the party at uri, nil when nobody sent the call
// on. The Diversion of the last stands first (RFC 5806 §5). Who is not to be shown is
// named, for peers that are trusted with it and pass it on as private.
func (c Chain) Lines(uri string) []byte {
	if len(c.hops) == 0 {
		return nil
	}
	var b []byte
	for i, h := range slices.Backward(c.hops) {
		n := 1
		if i == 0 {
			n += c.before // those before us are in its counter
		}
		b = fmt.Appendf(b, "Diversion: %s<%s>;reason=%s;counter=%d;privacy=%s\r\n", display(h.Name), h.URI, h.Reason, n, h.privacy())
	}
	index, parent := "1", ""
	b = append(b, "History-Info: "...)
	for _, h := range c.hops {
		b = fmt.Appendf(b, "<%s?Reason=SIP%%3Bcause%%3D%d%s>;index=%s%s, ", h.URI, h.Reason.cause(), h.history(), index, mapped(parent))
		index, parent = index+".1", index
	}
	return fmt.Appendf(b, "<%s>;index=%s%s\r\n", uri, index, mapped(parent))
}

// privacy is whether Diversion may be shown (RFC 5806 §4).
func (h Hop) privacy() string {
	if h.Private {
		return "full"
	}
	return "off"
}

// history says of an entry of History-Info that it is not to be shown (RFC 7044 §10.1.1).
func (h Hop) history() string {
	if h.Private {
		return "&Privacy=history"
	}
	return ""
}

// mapped says that an entry was made of another one by a change of the target
// (RFC 7044 §10.4).
func mapped(parent string) string {
	if parent == "" {
		return ""
	}
	return ";mp=" + parent
}

// display is a name as it stands before an address, "" for none.
func display(name string) string {
	if name == "" {
		return ""
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, name)
	return `"` + name + `" `
}
