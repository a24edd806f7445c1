package route

import (
	"tandem/media/codec"
	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// Convertible returns the format of c if we can both decode and encode it.
func Convertible(c sdp.Codec) (codec.Format, bool) {
	f, ok := codec.Find(c.Canonical(), c.ClockRate, max(c.Channels, 1))
	return f, ok && f.CanEncode() == nil
}

// Counterpart finds c in list: with the same parameters, else with the same number,
// else by name; -1 when it is not there. Video lists one name many times. Entries
// marked in taken, which may be nil, are skipped.
func Counterpart(c sdp.Codec, list []sdp.Codec, taken []bool) int {
	return best(c, len(list), func(i int) *sdp.Codec { return &list[i] }, taken)
}

// agreedCounterpart is Counterpart among what a side agreed to.
func agreedCounterpart(c sdp.Codec, a *exchange.Agreed, taken []bool) int {
	return best(c, len(a.Codecs), func(i int) *sdp.Codec { return &a.Codecs[i].Codec }, taken)
}

func best(c sdp.Codec, n int, at func(i int) *sdp.Codec, taken []bool) int {
	number, name := -1, -1
	for i := range n {
		l := at(i)
		if taken != nil && taken[i] || !l.Same(c) {
			continue
		}
		if l.Fmtp == c.Fmtp {
			return i
		}
		if number < 0 && l.PayloadType == c.PayloadType {
			number = i
		}
		if name < 0 {
			name = i
		}
	}
	if number >= 0 {
		return number
	}
	return name
}

// Plain returns codecs as descriptions list them, without a number for each direction.
func Plain(list []exchange.AgreedCodec) []sdp.Codec {
	out := make([]sdp.Codec, len(list))
	for i, c := range list {
		out[i] = c.Codec
	}
	return out
}

// Outgoing returns the index of the first codec of a side that we can encode, or false.
func Outgoing(a *exchange.Agreed) (int, bool) {
	for i, c := range a.Codecs {
		if _, ok := Convertible(c.Codec); ok && c.Codec.Main() {
			return i, true
		}
	}
	return 0, false
}

// Main returns the number with which a side most likely sends its voice.
func Main(a *exchange.Agreed) uint8 {
	for _, c := range a.Codecs {
		if c.Codec.Main() {
			return c.Receive & 0x7f
		}
	}
	return None
}

// EventOf returns a side's key events, if possible on the given clock; None when it has
// none. number selects the number of one direction.
func EventOf(a *exchange.Agreed, clock int, number func(exchange.AgreedCodec) uint8) (pt uint8, eventClock int) {
	pt = None
	for _, c := range a.Codecs {
		if c.Codec.Event() && (pt == None || c.ClockRate == clock) {
			pt, eventClock = number(c), c.ClockRate
		}
	}
	return pt, eventClock
}

// NoiseOf returns a side's comfort noise on a clock; None when it has none.
func NoiseOf(a *exchange.Agreed, clock int, number func(exchange.AgreedCodec) uint8) uint8 {
	for _, c := range a.Codecs {
		if c.Noise() && c.ClockRate == clock {
			return number(c)
		}
	}
	return None
}

// Receiving returns the number with which a side sends us a codec.
func Receiving(c exchange.AgreedCodec) uint8 { return c.Receive }

// sending returns the number with which we send a codec to a side.
func sending(c exchange.AgreedCodec) uint8 { return c.Send }
