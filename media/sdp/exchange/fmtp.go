package exchange

import (
	"cmp"
	"strconv"
	"strings"

	"tandem/media/format"
	"tandem/media/sdp"
)

// answerFmtp returns what we write for a codec that both sides have.
func answerFmtp(ours, theirs sdp.Codec) string {
	f := format.Of(theirs.Name)
	if f == nil {
		return ours.Fmtp
	}
	switch f.Answer {
	case format.AnswerEvents:
		return commonEvents(ours, theirs)
	case format.AnswerNo:
		return declined(ours, theirs, f.Declined)
	case format.AnswerLonger:
		if ours.ParameterOr("mode", "30") == "30" || theirs.ParameterOr("mode", "30") == "30" {
			return cmp.Or(theirs.Fmtp, ours.Fmtp)
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
func declined(ours, theirs sdp.Codec, name string) string {
	no := func(c sdp.Codec) bool { return strings.EqualFold(c.ParameterOr(name, ""), "no") }
	if no(theirs) && !no(ours) {
		return name + "=no"
	}
	return ours.Fmtp
}

// commonEvents returns the events that both sides accept (RFC 4733 §2.4.1); an empty
// list means 0-15. The answer lists no event that was not offered.
func commonEvents(ours, theirs sdp.Codec) string {
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
func parseEvents(c sdp.Codec) (events, bool) {
	var e events
	if c.Fmtp == "" {
		return e, false
	}
	list := c.ParameterOr("events", c.Fmtp)
	for part := range strings.SplitSeq(strings.Trim(list, `" `), ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 8)
		b, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 8)
		if err1 != nil || err2 != nil {
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
func references(c sdp.Codec) bool {
	n := c.Canonical()
	return n == "rtx" || n == "red" && c.Fmtp != ""
}

// rebase replaces the payload numbers in the fmtp of rtx and red; false if one of them
// has no new number.
func rebase(c sdp.Codec, numbers *renumbering) (sdp.Codec, bool) {
	translate := func(s string) (string, bool) {
		n, ok := payloadNumber(strings.TrimSpace(s))
		if !ok {
			return "", false
		}
		to, ok := numbers.of(n)
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
