package media

import (
	"strings"

	"tandem/media/sdp"
)

// none stands for "no payload number".
const none = 255

// verb says what is done with packets of one payload number.
type verb uint8

const (
	drop    verb = iota
	pass         // to the other side, renumbered
	convert      // through a path
	key          // a key event: passed, or through the path when there is one
)

// route is what happens to packets of one payload number from a leg. It is
// small and says all that passing a packet needs: with thousands of calls each
// look elsewhere waits for memory.
type route struct {
	verb    verb
	to      uint8  // number toward the other side
	codec   int16  // index in the leg's agreed codecs
	clock   uint32 // RTP clock of what comes in
	toClock uint32 // key: clock of the events toward the other side; 0 when it has none
}

// plan fills the routes of packets from l to o. It decides alone, from what
// both agreed to: a format both have passes, anything else is converted when it
// can be, and dropped when not.
func routes(from, to *sdp.Agreed) (table [128]route) {
	if from.Kind != "audio" {
		return passing(from, to)
	}
	taken := make([]bool, len(to.Codecs))
	list := plain(to.Codecs)
	out, canOut := outgoing(to)
	for i, c := range from.Codecs {
		n := c.Receive & 0x7f
		in := route{codec: int16(i), clock: uint32(c.ClockRate)}
		j := counterpart(c.Codec, list, taken)
		switch {
		case isEvent(c.Codec):
			table[n] = in.key(to, j)
		case j >= 0:
			taken[j] = true
			table[n] = in.with(pass, to.Codecs[j].Send)
		case isCN(c.Codec):
			table[n] = in.with(drop, 0)
		default:
			_, ok := convertible(c.Codec)
			if ok && canOut {
				table[n] = in.with(convert, to.Codecs[out].Send)
			}
		}
	}
	tolerate(&table, from)
	return table
}

// tolerate lets a side send with the numbers it wrote itself, where it should
// use those it was told and they differ (RFC 3264 §5.1): many do.
func tolerate(table *[128]route, from *sdp.Agreed) {
	for _, c := range from.Codecs {
		if own := &table[c.Send&0x7f]; own.verb == drop && table[c.Receive&0x7f].verb != drop {
			*own = table[c.Receive&0x7f]
		}
	}
}

// with is the same for packets to be treated so.
func (r route) with(v verb, to uint8) route {
	r.verb, r.to = v, to
	return r
}

// key passes events to the same clock, else to any clock with their times
// rescaled; a side without events gets tones, by a path.
func (r route) key(to *sdp.Agreed, j int) route {
	r.verb = key
	if j < 0 {
		for n, t := range to.Codecs {
			if isEvent(t.Codec) {
				j = n
			}
		}
	}
	if j >= 0 {
		r.to, r.toClock = to.Codecs[j].Send, uint32(to.Codecs[j].ClockRate)
	}
	return r
}

// passing maps the numbers of media that is never converted; what neither side
// declared keeps its number.
func passing(from, to *sdp.Agreed) (table [128]route) {
	for n := range table {
		table[n] = route{verb: pass, to: uint8(n)}
	}
	taken := make([]bool, len(to.Codecs))
	list := plain(to.Codecs)
	for i, c := range from.Codecs {
		if j := counterpart(c.Codec, list, taken); j >= 0 {
			taken[j] = true
			table[c.Receive&0x7f] = route{verb: pass, to: to.Codecs[j].Send, codec: int16(i), clock: uint32(c.ClockRate)}
		}
	}
	return table
}

func plain(list []sdp.AgreedCodec) []sdp.Codec {
	out := make([]sdp.Codec, len(list))
	for i, c := range list {
		out[i] = c.Codec
	}
	return out
}

// outgoing is the first codec of a side we can speak.
func outgoing(a *sdp.Agreed) (int, bool) {
	for i, c := range a.Codecs {
		if _, ok := convertible(c.Codec); ok && speech(c.Codec) {
			return i, true
		}
	}
	return 0, false
}

// voice is the number a side most likely sends its voice with.
func voice(a *sdp.Agreed) uint8 {
	for _, c := range a.Codecs {
		if speech(c.Codec) {
			return c.Receive & 0x7f
		}
	}
	return none
}

// eventOf finds a side's key events, best on the clock given. none when it has
// none.
func eventOf(a *sdp.Agreed, clock int, number func(sdp.AgreedCodec) uint8) (pt uint8, eventClock int) {
	pt = none
	for _, c := range a.Codecs {
		if isEvent(c.Codec) && (pt == none || c.ClockRate == clock) {
			pt, eventClock = number(c), c.ClockRate
		}
	}
	return pt, eventClock
}

// noiseOf finds a side's comfort noise.
func noiseOf(a *sdp.Agreed, clock int, number func(sdp.AgreedCodec) uint8) uint8 {
	for _, c := range a.Codecs {
		if strings.EqualFold(c.Name, "CN") && c.ClockRate == clock {
			return number(c)
		}
	}
	return none
}

func sending(c sdp.AgreedCodec) uint8   { return c.Send }
func receiving(c sdp.AgreedCodec) uint8 { return c.Receive }
