package media

// Want says how a description for a side is to be written. The zero value
// follows the other side.
type Want struct {
	Interface string // name of the network this side is on; "": see Session.Near
	// Security of its media. Answering, SecuritySDES and SecurityDTLS refuse an
	// offer that is not protected.
	Security Security
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
	Tones Tones
}

// Tones says where keys are listened for in audio.
type Tones uint8

const (
	// TonesIgnored listens nowhere.
	TonesIgnored Tones = iota
	// TonesConverted listens where the audio is converted anyway: the keys go on as
	// events.
	TonesConverted
	// TonesHeard listens in all audio, for EventKey. Audio that passes is decoded for
	// it, which costs several times what passing it does.
	TonesHeard
)

// Security is how a side's media is protected.
type Security string

const (
	// SecurityAsOther: offering, as this side was protected before, at first as
	// the side it mirrors; answering, as was offered, keys beside RTP/AVP taken.
	SecurityAsOther Security = ""
	SecurityNone    Security = "none" // RTP/AVP; answering, keys beside it are passed over
	// SecurityOptional is RTP/AVP with keys in SDP: protected when the far side
	// takes them (RFC 8643).
	SecurityOptional Security = "optional"
	SecuritySDES     Security = "sdes" // RTP/SAVP, keys in SDP
	SecurityDTLS     Security = "dtls" // UDP/TLS/RTP/SAVPF
)

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
