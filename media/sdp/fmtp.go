package sdp

import (
	"strconv"
	"strings"

	"tandem/media/format"
)

// Parameter returns one parameter of the codec's fmtp; its name may be in any case.
func (c Codec) Parameter(name string) (string, bool) { return parameter(c.Fmtp, name) }

func parameter(fmtp, name string) (string, bool) {
	for part := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

func parameterOr(fmtp, name, standard string) string {
	if v, ok := parameter(fmtp, name); ok {
		return v
	}
	return standard
}

// sameConfig compares the parameters of a format that must be the same on both sides.
func sameConfig(name, a, b string) bool {
	if a == b {
		return true
	}
	f := format.Of(name)
	if f == nil {
		return true
	}
	for _, p := range f.Alike {
		x, y := parameterOr(a, p.Name, p.Standard), parameterOr(b, p.Name, p.Standard)
		if p.Normal != nil {
			x, y = p.Normal(x), p.Normal(y)
		}
		if !strings.EqualFold(x, y) {
			return false
		}
	}
	return true
}

// answerFmtp returns what we write for a codec that both sides have.
func answerFmtp(ours, theirs Codec) string {
	f := format.Of(theirs.Name)
	if f == nil {
		return ours.Fmtp
	}
	switch f.Answer {
	case format.AnswerEvents:
		return commonEvents(ours.Fmtp, theirs.Fmtp)
	case format.AnswerNo:
		return declined(ours.Fmtp, theirs.Fmtp, f.Declined)
	case format.AnswerLonger:
		if parameterOr(ours.Fmtp, "mode", "30") == "30" || parameterOr(theirs.Fmtp, "mode", "30") == "30" {
			return orElse(theirs.Fmtp, ours.Fmtp)
		}
	case format.AnswerOwn:
		return ours.Fmtp
	}
	if ours.Fmtp == "" && f.Alike != nil {
		return theirs.Fmtp // what must be equal is repeated
	}
	return ours.Fmtp
}

// declined keeps our parameters; what one side declines is off for both (RFC 4856
// §2.1.9 on annexb).
func declined(ours, theirs, name string) string {
	no := func(fmtp string) bool { return strings.EqualFold(parameterOr(fmtp, name, ""), "no") }
	if no(theirs) && !no(ours) {
		return name + "=no"
	}
	return ours
}

// commonEvents returns the events that both sides accept (RFC 4733 §2.4.1); an empty
// list means 0-15. The answer lists no event that was not offered.
func commonEvents(ours, theirs string) string {
	a, ok1 := parseEvents(ours)
	b, ok2 := parseEvents(theirs)
	if !ok1 {
		a = dialEvents()
	}
	if !ok2 {
		b = dialEvents()
	}
	both := a.and(b)
	if both.empty() {
		both = dialEvents()
	}
	return both.String()
}

// events is a set of event codes 0 to 255.
type events [4]uint64

func dialEvents() events { return events{0xffff} }

func (e events) and(o events) events {
	for i := range e {
		e[i] &= o[i]
	}
	return e
}

func (e events) empty() bool { return e == events{} }

func (e events) has(n int) bool { return n < 256 && e[n/64]>>(n%64)&1 == 1 }

// parseEvents reads "0-15,16,32-49", also with "events=" in front; false when it lists
// nothing.
func parseEvents(fmtp string) (events, bool) {
	var e events
	if v, ok := parameter(fmtp, "events"); ok {
		fmtp = v
	}
	for part := range strings.SplitSeq(strings.Trim(fmtp, `" `), ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		a, ok1 := number(strings.TrimSpace(from), 255)
		b, ok2 := number(strings.TrimSpace(to), 255)
		if !ok1 || !ok2 {
			continue
		}
		for n := a; n <= b; n++ {
			e[n/64] |= 1 << (n % 64)
		}
	}
	return e, !e.empty()
}

func (e events) String() string {
	var b []byte
	for n := 0; n < 256; n++ {
		if !e.has(n) {
			continue
		}
		last := n
		for e.has(last + 1) {
			last++
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
		if last > n {
			b = append(b, '-')
			b = strconv.AppendInt(b, int64(last), 10)
		}
		n = last
	}
	return string(b)
}

// references reports whether the codec's fmtp names other payload numbers:
// retransmission by apt (RFC 4588) and redundancy by a list (RFC 2198).
func (c Codec) references() bool {
	n := c.Canonical()
	return n == "rtx" || n == "red" && c.Fmtp != ""
}

// rebase replaces the payload numbers in the fmtp of rtx and red; false if one of them
// has no new number.
func (c Codec) rebase(numbers *renumbering) (Codec, bool) {
	translate := func(s string) (string, bool) {
		n, ok := number(strings.TrimSpace(s), 127)
		if !ok {
			return "", false
		}
		to, ok := numbers.of(uint8(n))
		return strconv.Itoa(int(to)), ok
	}
	if c.Canonical() == "red" {
		parts := strings.Split(c.Fmtp, "/")
		for i, part := range parts {
			to, ok := translate(part)
			if !ok {
				return c, false
			}
			parts[i] = to
		}
		c.Fmtp = strings.Join(parts, "/")
		return c, true
	}
	parts := strings.Split(c.Fmtp, ";")
	for i, part := range parts {
		k, v, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(k), "apt") {
			continue
		}
		to, ok := translate(v)
		if !ok {
			return c, false
		}
		parts[i] = k + "=" + to
	}
	c.Fmtp = strings.Join(parts, ";")
	return c, true
}
