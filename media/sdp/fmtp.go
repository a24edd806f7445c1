package sdp

import (
	"math/bits"
	"strconv"
	"strings"
)

// Parameter finds one parameter of the codec's fmtp, by any case of its name.
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

// sameConfig compares the parameters of a format that both sides must have
// alike. All others only say what their writer likes.
func sameConfig(name, a, b string) bool {
	if a == b {
		return true
	}
	alike := func(param, standard string) bool {
		return strings.EqualFold(parameterOr(a, param, standard), parameterOr(b, param, standard))
	}
	switch strings.ToUpper(name) {
	case "H264": // RFC 6184 §8.2.2
		return alike("packetization-mode", "0") &&
			h264Profile(parameterOr(a, "profile-level-id", "42000a")) == h264Profile(parameterOr(b, "profile-level-id", "42000a"))
	case "H265": // RFC 7798 §7.2.2
		return alike("profile-id", "1") && alike("tier-flag", "0") && alike("tx-mode", "SRST")
	case "VP9": // RFC 9628 §6
		return alike("profile-id", "0")
	case "AV1":
		return alike("profile", "0")
	case "AMR", "AMR-WB": // RFC 4867 §8.3.1
		return alike("octet-align", "0") && alike("crc", "0") && alike("robust-sorting", "0") && alike("interleaving", "")
	case "G7221", "SIREN14": // RFC 5577 §5
		return alike("bitrate", "")
	case "MPEG4-GENERIC":
		return alike("mode", "") && alike("config", "")
	case "RTX": // RFC 4588 §8.6
		return alike("apt", "")
	}
	return true
}

// h264Profile brings the spellings of one profile together (RFC 6184 §8.1,
// table 5): constrained baseline has three.
func h264Profile(id string) string {
	n, err := strconv.ParseUint(id, 16, 32)
	if err != nil || len(id) != 6 {
		return id
	}
	idc, iop := n>>16, n>>8&0xff
	switch {
	case idc == 0x42 && iop&0x4f == 0x40, idc == 0x4d && iop&0x8f == 0x80, idc == 0x58 && iop&0xcf == 0xc0:
		return "constrained-baseline"
	case idc == 0x42 && iop&0x4f == 0, idc == 0x58 && iop&0xcf == 0x80:
		return "baseline"
	}
	return strconv.FormatUint(n>>8, 16)
}

// answerFmtp is what we write for a codec that both have.
func answerFmtp(ours, theirs Codec) string {
	switch theirs.Canonical() {
	case "telephone-event":
		return commonEvents(ours.Fmtp, theirs.Fmtp)
	case "G729":
		return declined(ours.Fmtp, theirs.Fmtp, "annexb")
	case "G723":
		return declined(ours.Fmtp, theirs.Fmtp, "annexa")
	case "iLBC":
		// The longer frame wins (RFC 3952 §5).
		if parameterOr(ours.Fmtp, "mode", "30") == "30" || parameterOr(theirs.Fmtp, "mode", "30") == "30" {
			return orElse(theirs.Fmtp, ours.Fmtp)
		}
	case "opus":
		return ours.Fmtp
	}
	if ours.Fmtp == "" && !sameConfigEmpty(theirs) {
		return theirs.Fmtp // what must be alike must be said alike
	}
	return ours.Fmtp
}

func sameConfigEmpty(c Codec) bool {
	switch strings.ToUpper(c.Canonical()) {
	case "H264", "H265", "VP9", "AV1", "AMR", "AMR-WB", "G7221", "SIREN14", "MPEG4-GENERIC", "RTX", "RED":
		return c.Fmtp == ""
	}
	return true
}

// declined keeps our parameters, but what either side declines is off for both
// (RFC 4856 §2.1.9 on annexb).
func declined(ours, theirs, name string) string {
	no := func(fmtp string) bool { return strings.EqualFold(parameterOr(fmtp, name, ""), "no") }
	if no(theirs) && !no(ours) {
		return name + "=no"
	}
	return ours
}

// commonEvents is the list of events both take (RFC 4733 §2.4.1); none given
// is 0-15. The answer lists no event that was not offered.
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

// parseEvents reads "0-15,16,32-49" and its spelling "events=0-15"; false when
// it lists nothing.
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

// Events lists the event codes a telephone-event codec takes, 0 to 15 when it
// says nothing.
func (c Codec) Events() []int {
	e, ok := parseEvents(c.Fmtp)
	if !ok {
		e = dialEvents()
	}
	count := 0
	for _, w := range e {
		count += bits.OnesCount64(w)
	}
	list := make([]int, 0, count)
	for n := range 256 {
		if e.has(n) {
			list = append(list, n)
		}
	}
	return list
}

// references says whether the codec's fmtp names other payload numbers:
// retransmission by apt (RFC 4588) and redundancy by a list (RFC 2198).
func (c Codec) references() bool {
	n := c.Canonical()
	return n == "rtx" || n == "red" && c.Fmtp != ""
}

// rebase writes the payload numbers in the fmtp of rtx and red anew; false when
// one of them is not in the map.
func (c Codec) rebase(numbers map[uint8]uint8) (Codec, bool) {
	translate := func(s string) (string, bool) {
		n, ok := number(strings.TrimSpace(s), 127)
		if !ok {
			return "", false
		}
		to, ok := numbers[uint8(n)]
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
