package exchange

import (
	"strconv"

	"tandem/media/format"
	"tandem/media/sdp"
)

// staticNumber returns the number that RFC 3551 assigns to a codec.
func staticNumber(c sdp.Codec) (uint8, bool) {
	f := format.Of(c.Name)
	if f == nil {
		return 0, false
	}
	for _, n := range f.Numbers {
		s := sdp.Codec{PayloadType: n.PT, Name: f.Name, ClockRate: n.Clock, Channels: n.Channels}
		if n.PT != 19 && s.Same(c) {
			return n.PT, true
		}
	}
	return 0, false
}

// complete sets clock and channels where the caller omitted them.
func complete(list []sdp.Codec) []sdp.Codec {
	all := make([]sdp.Codec, len(list))
	for i, c := range list {
		all[i] = c.Complete()
	}
	return all
}

// numerals are the payload numbers as text, written once.
var numerals = func() (list [128]string) {
	for n := range list {
		list[n] = strconv.Itoa(n)
	}
	return list
}()

func numeral(c sdp.Codec) string { return numerals[c.PayloadType&0x7f] }

func rtpmap(c sdp.Codec) string {
	b := append(make([]byte, 0, 64), numeral(c)...)
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

// codecAttributes are the lines that describe the codec in an m-line.
func codecAttributes(to []sdp.Attribute, c sdp.Codec) []sdp.Attribute {
	number := numeral(c)
	if c.Name != "" {
		to = append(to, sdp.Attribute{Name: "rtpmap", Value: rtpmap(c)})
	}
	if c.Fmtp != "" {
		to = append(to, sdp.Attribute{Name: "fmtp", Value: number + " " + c.Fmtp})
	}
	for _, f := range c.Feedback {
		to = append(to, sdp.Attribute{Name: "rtcp-fb", Value: number + " " + f})
	}
	return to
}
