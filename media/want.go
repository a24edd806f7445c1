package media

import (
	"tandem/media/dtmf"
	"tandem/media/negotiation"
	"tandem/media/secure"
)

// What a side is to be told is said in the words of package negotiation.
type (
	// Want says how a description for a side is to be written. The zero value
	// follows the other side.
	Want = negotiation.Want
	// Tones says where keys are listened for in audio.
	Tones = dtmf.Tones
	// Choice is yes, no, or what fits.
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
