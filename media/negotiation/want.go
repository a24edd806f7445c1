package negotiation

import (
	"slices"

	"tandem/media/dtmf"
	"tandem/media/secure"
)

// Want says how a description for a side is to be written. The zero value
// follows the other side.
type Want struct {
	Interface string // name of the network this side is on; "": the one that suits
	// Security of its media; see AsOther. Answering, secure.SDES and secure.DTLS
	// refuse an offer that is not protected, and secure.Plain passes over keys
	// beside it.
	Security secure.Keying
	// Suites lists the profiles its keys in SDP may be of (AES_CM_128_HMAC_SHA1_80);
	// empty: all we know. NoSuites leaves out some.
	Suites, NoSuites []string

	ICE Choice // default: with DTLS, and where it was agreed before
	Mux Choice // rtcp-mux; default: with DTLS, when the side offers it, and where agreed before
	// Codecs lists what to offer by name, best first; what the other side lacks
	// is converted. Empty: what the other side has. Answering, it says which of
	// those offered may be taken.
	Codecs []string
	// Add lists codecs to offer behind those the other side has.
	Add []string
	// Strip lists codecs not to offer.
	Strip []string
	Ptime int // ms; 0: the other side's
	// NoEvents leaves telephone-event out when the other side has none.
	// Otherwise it is offered and keys are converted.
	NoEvents bool
	// Tones says where keys are listened for in the audio of a side that has no
	// telephone-event.
	Tones dtmf.Tones
}

// AsOther is, offering, as this side was protected before, at first as the side it
// mirrors; answering, as was offered, keys beside RTP/AVP taken.
const AsOther secure.Keying = ""

// Choice is yes, no, or what fits.
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

// plain says that no protection is wanted.
func (w *Want) plain() bool { return w.Security == secure.Plain }

// suite says whether keys of a profile are wanted.
func (w *Want) suite(p secure.Profile) bool {
	among := func(list []string) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			q, err := secure.ParseProfile(name)
			return err == nil && p == q
		})
	}
	return (len(w.Suites) == 0 || among(w.Suites)) && !among(w.NoSuites)
}
