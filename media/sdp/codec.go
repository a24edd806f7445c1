package sdp

import (
	"strconv"
	"strings"
)

// static is the table of RFC 3551 §6, with 19 as comfort noise of old days.
func static(n uint8) (Codec, bool) {
	name, clock, channels := "", 8000, 1
	switch n {
	case 0:
		name = "PCMU"
	case 2:
		name = "G726-32"
	case 3:
		name = "GSM"
	case 4:
		name = "G723"
	case 5:
		name = "DVI4"
	case 6:
		name, clock = "DVI4", 16000
	case 7:
		name = "LPC"
	case 8:
		name = "PCMA"
	case 9:
		name = "G722"
	case 10:
		name, clock, channels = "L16", 44100, 2
	case 11:
		name, clock = "L16", 44100
	case 12:
		name = "QCELP"
	case 13, 19:
		name = "CN"
	case 14:
		name, clock = "MPA", 90000
	case 15:
		name = "G728"
	case 16:
		name, clock = "DVI4", 11025
	case 17:
		name, clock = "DVI4", 22050
	case 18:
		name = "G729"
	case 25:
		name, clock = "CelB", 90000
	case 26:
		name, clock = "JPEG", 90000
	case 28:
		name, clock = "nv", 90000
	case 31:
		name, clock = "H261", 90000
	case 32:
		name, clock = "MPV", 90000
	case 33:
		name, clock = "MP2T", 90000
	case 34:
		name, clock = "H263", 90000
	default:
		return Codec{}, false
	}
	return Codec{PayloadType: n, Name: name, ClockRate: clock, Channels: channels}, true
}

// staticNumber finds the number RFC 3551 gives a codec.
func staticNumber(c Codec) (uint8, bool) {
	for n := range uint8(35) {
		if s, ok := static(n); ok && n != 19 && sameFormat(s, c) {
			return n, true
		}
	}
	return 0, false
}

// Canonical is the codec's name as its standard spells it, whatever the
// device wrote: G729 for G.729, G729a and G729AB, PCMU for pcmu. Names not
// known here are returned as written.
func (c Codec) Canonical() string {
	switch c.Name {
	case "PCMU", "PCMA", "G722", "G729", "opus", "telephone-event", "CN", "":
		return c.Name // the usual, at once
	}
	for _, n := range [...]string{
		"PCMU", "PCMA", "G722", "G729", "opus", "telephone-event", "CN", "G723",
		"L16", "GSM", "iLBC", "speex", "AMR", "AMR-WB", "EVS", "red", "rtx",
		"H264", "VP8", "VP9", "AV1", "H265",
	} {
		if len(n) == len(c.Name) && strings.EqualFold(c.Name, n) {
			return n
		}
	}
	switch strings.ToUpper(c.Name) {
	case "G.729", "G729A", "G729B", "G729AB", "G.729A", "G.729B", "G.729AB", "G729/A", "G729ANNEXB":
		return "G729"
	case "G.723", "G723.1", "G.723.1", "G7231":
		return "G723"
	case "G.722":
		return "G722"
	case "G711U", "G.711U", "G711-ULAW":
		return "PCMU"
	case "G711A", "G.711A", "G711-ALAW":
		return "PCMA"
	case "CISCO-TELEPHONE-EVENT", "CISCO-RTP-DTMF":
		return "cisco-telephone-event"
	}
	return c.Name
}

// Event says whether the codec carries keys instead of sound.
func (c Codec) Event() bool { return c.Canonical() == "telephone-event" }

// Main says whether the codec can carry a stream by itself: no keys, comfort
// noise, redundancy or repair.
func (c Codec) Main() bool {
	switch n := c.Canonical(); n {
	case "telephone-event", "cisco-telephone-event", "CN", "red", "rtx":
		return false
	default:
		switch strings.ToLower(n) {
		case "tone", "ulpfec", "parityfec", "flexfec", "flexfec-03":
			return false
		}
	}
	return true
}

// Same says whether two descriptions name one format: name, clock, channels
// and those parameters that make streams incompatible.
func (c Codec) Same(o Codec) bool { return sameFormat(c, o) }

func sameFormat(a, b Codec) bool { return sameNamed(a.Canonical(), a, b.Canonical(), b) }

// sameNamed is sameFormat where the canonical names are known.
func sameNamed(name string, a Codec, other string, b Codec) bool {
	if !strings.EqualFold(name, other) {
		return false
	}
	if name == "" {
		return a.PayloadType == b.PayloadType
	}
	return sameClock(name, a.ClockRate, b.ClockRate) && sameChannels(name, a.Channels, b.Channels) &&
		sameConfig(name, a.Fmtp, b.Fmtp)
}

// complete fills in clock and channels that a caller left out.
func (c Codec) complete() Codec {
	if c.ClockRate == 0 {
		c.ClockRate = 8000
		switch n := c.Canonical(); n {
		case "opus":
			c.ClockRate, c.Channels = 48000, 2
		case "AMR-WB", "EVS":
			c.ClockRate = 16000
		case "H264", "H265", "VP8", "VP9", "AV1", "rtx":
			c.ClockRate = 90000
		default:
			for pt := range uint8(35) {
				if s, ok := static(pt); ok && s.Name == n {
					c.ClockRate, c.Channels = s.ClockRate, s.Channels
					break
				}
			}
		}
	}
	c.Channels = max(c.Channels, 1)
	return c
}

func complete(list []Codec) []Codec {
	all := make([]Codec, len(list))
	for i, c := range list {
		all[i] = c.complete()
	}
	return all
}

// sameClock bears with G722 by its true rate, which RFC 3551 §4.5.2 forbids.
func sameClock(name string, a, b int) bool {
	if name == "G722" {
		return (a == 8000 || a == 16000) && (b == 8000 || b == 16000)
	}
	return a == b
}

// sameChannels bears with opus/48000 without its /2 (RFC 7587 §7).
func sameChannels(name string, a, b int) bool {
	return name == "opus" || max(a, 1) == max(b, 1)
}

func (c Codec) rtpmap() string {
	b := strconv.AppendUint(make([]byte, 0, 64), uint64(c.PayloadType), 10)
	b = append(b, ' ')
	b = append(b, c.Name...)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(c.ClockRate), 10)
	if c.Channels > 1 {
		b = append(b, '/')
		b = strconv.AppendInt(b, int64(c.Channels), 10)
	}
	return string(b)
}

// attributes are the lines that describe the codec in an m-line.
func (c Codec) attributes(to []Attribute) []Attribute {
	number := strconv.Itoa(int(c.PayloadType))
	if c.Name != "" {
		to = append(to, Attribute{"rtpmap", c.rtpmap()})
	}
	if c.Fmtp != "" {
		to = append(to, Attribute{"fmtp", number + " " + c.Fmtp})
	}
	for _, f := range c.Feedback {
		to = append(to, Attribute{"rtcp-fb", number + " " + f})
	}
	return to
}
