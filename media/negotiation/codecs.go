package negotiation

import (
	"fmt"
	"slices"
	"strings"

	"tandem/media/codec"
	"tandem/media/format"
	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// standing is offered when nothing is known of the other side: all codecs that we
// convert, the best ones first, those of every telephone last.
var standing = []string{"opus", "G722", "PCMA", "PCMU"}

// numberEvents48k is the payload number with which we offer events at 48 kHz, besides
// those at 8 kHz; the agent chooses another one when it is already in use.
const numberEvents48k = 110

// describe returns the SDP entry of a codec of ours.
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

// offerCodecs chooses the codecs to offer to a side when the other side has base.
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

// keeping returns want for a side that uses own so far, when the other side has base:
// if the audio is converted, the side's own codecs come first, since it may have no
// others.
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

// apart reports whether two sides have no codec in common, but their codecs can be
// converted.
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

// answerCodecs chooses the codecs to answer a side that offered theirs, when the other
// side agreed to far (nil: there is none, the audio ends here).
func answerCodecs(want Want, theirs []sdp.Codec, far *exchange.Agreed) []sdp.Codec {
	var out []sdp.Codec
	if far != nil {
		for _, f := range far.Codecs {
			if i := slices.IndexFunc(theirs, func(c sdp.Codec) bool { return c.Same(f.Codec) }); i >= 0 && f.Codec.Main() && wanted(want.Codecs, f.Codec) {
				out = append(out, theirs[i])
			}
		}
	}
	// Nothing passes unchanged: take the first codec that we can decode and encode,
	// among the wanted ones if any were offered.
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
		case c.Noise() && far != nil && slices.ContainsFunc(far.Codecs, func(f exchange.AgreedCodec) bool { return f.Codec.Noise() }):
			out = append(out, c)
		}
	}
	// Browsers sometimes offer Opus with events at 8000 Hz only: these are better than
	// none.
	if !slices.ContainsFunc(out, sdp.Codec.Event) {
		if i := slices.IndexFunc(theirs, sdp.Codec.Event); i >= 0 {
			out = append(out, theirs[i])
		}
	}
	return out
}

// ceiling asks an Opus phone for no more bandwidth than the other side can hear:
// anything above would only cost octets and decoding (RFC 7587 §6.1). It allows the
// phone to send redundancy against loss. The other parameters of the phone are not
// repeated, since they concern what it receives.
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
	if _, err := codec.Library(); err == nil { // only libopus decodes the redundancy
		asked += ";useinbandfec=1"
	}
	return asked
}

// wanted reports whether names allow a codec; an empty list allows all.
func wanted(names []string, c sdp.Codec) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, c.Canonical()) })
}

// preferred sorts list by names; codecs not named come last.
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

// far2near lists the codecs to which the far side agreed, for media that we only pass
// on, in the form that the offerer wrote.
func far2near(theirs *sdp.Media, far *exchange.Agreed) []sdp.Codec {
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
