package negotiation

import (
	"slices"

	"tandem/media/dtmf"
	"tandem/media/secure"
)

// Want says how a description for a side is written. The zero value follows the other
// side.
type Want struct {
	Interface string // the network of this side; "" = the one that fits
	// Security of its media; see AsOther. In an answer, secure.SDES and secure.DTLS
	// refuse an unprotected offer, and secure.Plain ignores keys in a plain offer.
	Security secure.Keying
	// Suites lists the profiles allowed for keys in SDP (AES_CM_128_HMAC_SHA1_80);
	// empty = all known ones. NoSuites excludes some.
	Suites, NoSuites []string

	ICE Choice // default: with DTLS, and if it was agreed before
	Mux Choice // rtcp-mux; default: with DTLS, if the side offers it, and if it was agreed before
	// Codecs lists the names to offer, best first; codecs that the other side lacks are
	// converted. Empty = those of the other side. In an answer it limits which offered
	// codecs may be taken.
	Codecs []string
	// Add lists codecs to offer after those of the other side.
	Add []string
	// Strip lists codecs not to offer.
	Strip []string
	Ptime int // in ms; 0 = that of the other side
	// NoEvents omits telephone-event when the other side has none. Otherwise it is
	// offered and keys are converted.
	NoEvents bool
	// Tones says where keys are detected in the audio of a side without
	// telephone-event.
	Tones dtmf.Tones
}

// AsOther means, in an offer, the protection that this side had before, at first that
// of the side it mirrors; in an answer, the protection that was offered, including keys
// in RTP/AVP.
const AsOther secure.Keying = ""

// Choice is yes, no, or automatic.
type Choice uint8

const (
	Fitting Choice = iota
	Yes
	No
)

func (c Choice) or(fitting bool) bool {
	if c == Fitting {
		return fitting
	}
	return c == Yes
}

// plain reports whether protection is unwanted.
func (w *Want) plain() bool { return w.Security == secure.Plain }

// suite reports whether keys of a profile are wanted.
func (w *Want) suite(p secure.Profile) bool {
	among := func(list []string) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			q, err := secure.ParseProfile(name)
			return err == nil && p == q
		})
	}
	return (len(w.Suites) == 0 || among(w.Suites)) && !among(w.NoSuites)
}
