package sdp

import (
	"slices"
	"strings"

	"tandem/media/format"
)

// static returns the codec that RFC 3551 §6 assigns to a payload number.
func static(n uint8) (Codec, bool) {
	f, s := format.Static(n)
	if f == nil {
		return Codec{}, false
	}
	return Codec{PayloadType: n, Name: f.Name, ClockRate: s.Clock, Channels: s.Channels}, true
}

// Canonical returns the codec's name in the spelling of its standard: G729 for G.729,
// G729a and G729AB, PCMU for pcmu. Unknown names are returned as written.
func (c Codec) Canonical() string {
	if f := format.Of(c.Name); f != nil {
		return f.Name
	}
	return c.Name
}

// Event reports whether the codec carries keys instead of sound.
func (c Codec) Event() bool { return c.Canonical() == "telephone-event" }

// Noise reports whether the codec carries comfort noise (RFC 3389).
func (c Codec) Noise() bool { return c.Canonical() == "CN" }

// Main reports whether the codec can be a stream by itself: not keys, comfort noise,
// redundancy or repair.
func (c Codec) Main() bool {
	f := format.Of(c.Name)
	return f == nil || f.Role.Carries()
}

// Same reports whether two descriptions mean the same format: name, clock, channels,
// and the parameters without which streams are incompatible.
func (c Codec) Same(o Codec) bool { return sameFormat(c, o) }

func sameFormat(a, b Codec) bool { return sameNamed(a.Canonical(), a, b.Canonical(), b) }

// sameNamed is sameFormat when the canonical names are known.
func sameNamed(name string, a Codec, other string, b Codec) bool {
	if !strings.EqualFold(name, other) {
		return false
	}
	if name == "" {
		return a.PayloadType == b.PayloadType
	}
	return sameClock(name, a.ClockRate, b.ClockRate) && sameChannels(name, a.Channels, b.Channels) &&
		sameConfig(name, a, b)
}

// Complete sets clock and channels if the caller omitted them.
func (c Codec) Complete() Codec {
	if c.ClockRate == 0 {
		c.ClockRate = 8000
		if f := format.Of(c.Name); f != nil {
			c.ClockRate, c.Channels = f.Clock, max(f.Channels, c.Channels)
		}
	}
	c.Channels = max(c.Channels, 1)
	return c
}

// sameClock accepts different clocks that mean the same.
func sameClock(name string, a, b int) bool {
	if a == b {
		return true
	}
	f := format.Of(name)
	return f != nil && slices.Contains(f.Clocks, a) && slices.Contains(f.Clocks, b)
}

func sameChannels(name string, a, b int) bool {
	if max(a, 1) == max(b, 1) {
		return true
	}
	f := format.Of(name)
	return f != nil && f.AnyChannels
}
