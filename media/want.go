package media

import (
	"tandem/media/dtmf"
	"tandem/media/negotiation"
	"tandem/media/secure"
)

// The types of packages negotiation, dtmf and secure for descriptions.
type (
	// Want says how a description for a side is written. The zero value follows the
	// other side.
	Want = negotiation.Want
	// Tones says where keys are detected in audio.
	Tones = dtmf.Tones
	// Choice is yes, no, or automatic.
	Choice = negotiation.Choice
	// Security is how a side's media is protected.
	Security = secure.Keying
)

const (
	TonesIgnored   = dtmf.TonesIgnored
	TonesConverted = dtmf.TonesConverted
	TonesHeard     = dtmf.TonesHeard

	SecurityAsOther  = negotiation.AsOther
	SecurityNone     = secure.Plain
	SecurityOptional = secure.Optional
	SecuritySDES     = secure.SDES
	SecurityDTLS     = secure.DTLS

	Fitting = negotiation.Fitting
	Yes     = negotiation.Yes
	No      = negotiation.No
)
