package negotiation

import (
	"fmt"
	"slices"
	"strings"

	"tandem/media/codec"
	"tandem/media/format"
	"tandem/media/route"
	"tandem/media/sdp"
)

// standing is offered when nothing is known of the other side: all we convert,
// best first, the ones every telephone has at the end.
var standing = []string{"opus", "G722", "PCMA", "PCMU"}

// numberEvents48k is what we offer events at 48 kHz under, beside those at 8 kHz; the
// agent chooses others when such numbers mean something else already.
const numberEvents48k = 110

// describe is the entry of a codec of ours for SDP.
func describe(name string) (sdp.Codec, bool) {
	f := format.Of(name)
	if f == nil || !slices.Contains(standing, f.Name) {
		return sdp.Codec{}, false
	}
	number := f.Offered
	if len(f.Numbers) > 0 {
		number = f.Numbers[0].PT
	}
	return sdp.Codec{PayloadType: number, Name: f.Name, ClockRate: f.Clock, Channels: max(f.Channels, 1)}, true
}

// offerCodecs chooses what to offer a side when the other has base.
func offerCodecs(want Want, base []sdp.Codec, alone bool) []sdp.Codec {
	var out []sdp.Codec
	add := func(name string) {
		if has(out, name) {
			return
		}
		before := len(out)
		for _, c := range base {
			if strings.EqualFold(c.Name, name) && c.Main() {
				out = append(out, c)
			}
		}
		if c, ok := describe(name); ok && len(out) == before {
			if _, ok := route.Convertible(c); ok {
				c.Fmtp = ceiling(c, base)
				out = append(out, c)
			}
		}
	}
	names := want.Codecs
	if len(names) == 0 && alone {
		names = standing
	}
	if len(names) > 0 {
		for _, n := range names {
			add(n)
		}
	} else {
		for _, c := range base {
			if c.Main() {
				out = append(out, c)
			}
		}
	}
	for _, n := range want.Add {
		add(n)
	}
	out = slices.DeleteFunc(out, func(c sdp.Codec) bool {
		return slices.ContainsFunc(want.Strip, func(n string) bool { return strings.EqualFold(n, c.Name) })
	})
	return withEvents(out, base, want)
}

// keeping is want for a side that speaks own so far, when the other has base: where
// its sound is converted, what it speaks comes first, for it may have nothing else.
func keeping(want Want, own, base []sdp.Codec) Want {
	if len(want.Codecs) > 0 || !apart(own, base) {
		return want
	}
	for _, c := range append(slices.Clone(own), base...) {
		if c.Main() {
			want.Codecs = append(want.Codecs, c.Canonical())
		}
	}
	return want
}

// apart says that what two sides speak has nothing in common but can be converted.
func apart(a, b []sdp.Codec) bool {
	convert := func(c sdp.Codec) bool { _, ok := route.Convertible(c); return ok && c.Main() }
	common := func(c sdp.Codec) bool {
		return c.Main() && slices.ContainsFunc(b, func(o sdp.Codec) bool { return c.Same(o) })
	}
	return slices.ContainsFunc(a, convert) && slices.ContainsFunc(b, convert) && !slices.ContainsFunc(a, common)
}

// withEvents adds comfort noise and key events to a list of speech codecs.
func withEvents(out, base []sdp.Codec, want Want) []sdp.Codec {
	var clocks []int
	for _, c := range out {
		if !slices.Contains(clocks, c.ClockRate) {
			clocks = append(clocks, c.ClockRate)
		}
	}
	for _, c := range base {
		if c.Noise() && slices.Contains(clocks, c.ClockRate) {
			out = append(out, c)
		}
	}
	if slices.ContainsFunc(want.Strip, func(n string) bool { return strings.EqualFold(n, "telephone-event") }) {
		return out
	}
	for _, c := range base {
		if c.Event() && slices.Contains(clocks, c.ClockRate) {
			out = append(out, c)
		}
	}
	if want.NoEvents || len(out) == 0 {
		return out
	}
	for _, e := range []sdp.Codec{
		{PayloadType: format.Of("telephone-event").Offered, Name: "telephone-event", ClockRate: 8000, Channels: 1, Fmtp: "0-16"},
		{PayloadType: numberEvents48k, Name: "telephone-event", ClockRate: 48000, Channels: 1, Fmtp: "0-16"},
	} {
		// One event format for each clock in use (RFC 4733 §2.5.1.2, §7.1).
		if slices.Contains(clocks, e.ClockRate) && !slices.ContainsFunc(out, func(c sdp.Codec) bool { return c.Same(e) }) {
			out = append(out, e)
		}
	}
	return out
}

// answerCodecs chooses what a side that offered theirs is answered, when the
// other side agreed to far (nil: there is none, we end the audio ourselves).
func answerCodecs(want Want, theirs []sdp.Codec, far *sdp.Agreed) []sdp.Codec {
	var out []sdp.Codec
	if far != nil {
		for _, f := range far.Codecs {
			if i := slices.IndexFunc(theirs, func(c sdp.Codec) bool { return c.Same(f.Codec) }); i >= 0 && f.Codec.Main() && wanted(want.Codecs, f.Codec) {
				out = append(out, theirs[i])
			}
		}
	}
	// Nothing passes as it is: the first both heard and spoken here, of those
	// asked for if any were.
	if len(out) == 0 {
		for _, c := range preferred(theirs, want.Codecs) {
			if _, ok := route.Convertible(c); ok && c.Main() && wanted(want.Codecs, c) {
				if far != nil {
					c.Fmtp = ceiling(c, route.Plain(far.Codecs))
				}
				out = append(out, c)
				if far != nil {
					break
				}
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	for _, c := range theirs {
		switch {
		case c.Event() && c.ClockRate == out[0].ClockRate:
			out = append(out, c)
		case c.Noise() && far != nil && slices.ContainsFunc(far.Codecs, func(f sdp.AgreedCodec) bool { return f.Codec.Noise() }):
			out = append(out, c)
		}
	}
	// A browser offers Opus with events at 8000 Hz only, at times: better those
	// than none.
	if !slices.ContainsFunc(out, sdp.Codec.Event) {
		if i := slices.IndexFunc(theirs, sdp.Codec.Event); i >= 0 {
			out = append(out, theirs[i])
		}
	}
	return out
}

// ceiling asks an Opus phone for no more than the other side can hear: octets
// above that, and the work of decoding them, would be for nothing (RFC 7587
// §6.1). What is lost of that it may say twice. What else it wrote is not
// repeated: it is about what it hears.
func ceiling(c sdp.Codec, far []sdp.Codec) string {
	if c.Canonical() != "opus" {
		return c.Fmtp
	}
	widest := 0
	for _, f := range far {
		if !f.Main() {
			continue
		}
		format, ok := route.Convertible(f)
		if !ok {
			return ""
		}
		widest = max(widest, format.Native)
	}
	if widest == 0 || widest >= 48000 {
		return ""
	}
	asked := fmt.Sprintf("maxplaybackrate=%d;sprop-maxcapturerate=%d", widest, widest)
	if _, err := codec.Library(); err == nil { // only libopus hears what is said twice
		asked += ";useinbandfec=1"
	}
	return asked
}

// wanted says whether names allow a codec; none allow all.
func wanted(names []string, c sdp.Codec) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, c.Canonical()) })
}

// preferred orders list by names, keeping those not named behind.
func preferred(list []sdp.Codec, names []string) []sdp.Codec {
	rank := func(c sdp.Codec) int {
		if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, c.Name) }); i >= 0 {
			return i
		}
		return len(names)
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b sdp.Codec) int { return rank(a) - rank(b) })
	return out
}

// far2near lists, for media we only pass on, what the far side agreed to in the
// offerer's words.
func far2near(theirs *sdp.Media, far *sdp.Agreed) []sdp.Codec {
	var out []sdp.Codec
	taken := make([]bool, len(theirs.Codecs))
	for _, f := range far.Codecs {
		if i := route.Counterpart(f.Codec, theirs.Codecs, taken); i >= 0 {
			taken[i] = true
			out = append(out, theirs.Codecs[i])
		}
	}
	return out
}

func has(list []sdp.Codec, name string) bool {
	return slices.ContainsFunc(list, func(c sdp.Codec) bool { return strings.EqualFold(c.Name, name) })
}
