package exchange

import (
	"cmp"

	"tandem/media/sdp"
)

// secured is how one m-line is protected: by DTLS, by keys in SDP, or not.
type secured struct {
	dtls        bool
	fingerprint sdp.Fingerprint
	setup       string // our role

	sdes bool
	pair Pair
}

// secureAnswer decides for an offer. DTLS is preferred to keys in SDP, which every
// proxy has read. Without a secure profile either is used only if both sides have it
// (RFC 8643): phones add keys to RTP/AVP to make protection optional.
func secureAnswer(theirs, via *sdp.Media, line *Line, role string) (secured, *sdp.Error) {
	fingerprint, setup := transportSecurity(theirs, via)
	if fingerprint.Value != "" && line.Fingerprint.Value != "" {
		return secured{dtls: true, fingerprint: fingerprint, setup: answerSetup(setup, line.Setup, role)}, nil
	}
	if pair, ok := ChooseCrypto(theirs.Crypto, line.Crypto); ok {
		return secured{sdes: true, pair: pair}, nil
	}
	if sdp.DemandsSRTP(theirs.Proto) {
		return secured{}, unacceptable(theirs.Line, warnOther, "%s, but no key or fingerprint that both sides take", sdp.Quote(theirs.Proto))
	}
	if theirs.RTP() && sdp.DemandsSRTP(line.Proto) {
		return secured{}, unacceptable(theirs.Line, warnOther, "%s is not protected; offer SRTP", sdp.Quote(theirs.Proto))
	}
	return secured{}, nil
}

// secureOffer decides on the answer to our offer. An offer with a secure profile must
// not be answered without protection.
func secureOffer(ours, theirs, via *sdp.Media) (secured, *sdp.Error) {
	fingerprint, setup := transportSecurity(theirs, via)
	if fingerprint.Value != "" && ours.Fingerprint.Value != "" {
		return secured{dtls: true, fingerprint: fingerprint, setup: offerSetup(setup, ours.Setup)}, nil
	}
	if pair, ok := answeredCrypto(ours.Crypto, theirs.Crypto); ok {
		return secured{sdes: true, pair: pair}, nil
	}
	if sdp.DemandsSRTP(ours.Proto) || sdp.DemandsSRTP(theirs.Proto) {
		return secured{}, unacceptable(theirs.Line, warnOther, "%s without a key or fingerprint that was offered", sdp.Quote(theirs.Proto))
	}
	return secured{}, nil
}

func transportSecurity(m, via *sdp.Media) (sdp.Fingerprint, string) {
	if m.Fingerprint.Value != "" && via == m {
		return m.Fingerprint, m.Setup
	}
	if via.Fingerprint.Value != "" {
		return via.Fingerprint, via.Setup
	}
	return m.Fingerprint, m.Setup
}

// answerSetup returns our role for an offer (RFC 8842 §5.3). With actpass the choice is
// ours, and the role stays as it was. Passive lets a browser begin when its path works,
// so that nothing of ours is lost before.
func answerSetup(offered, wanted, role string) string {
	switch offered {
	case "passive":
		return "active"
	case "actpass":
		if wanted == "active" || wanted == "passive" {
			return wanted
		}
		return cmp.Or(role, "passive")
	}
	return "passive" // to active, and to a missing one, which means active (RFC 4145 §4)
}

// offerSetup returns our role for an answer. A side that answers actpass, against RFC
// 5763 §5, or nothing will send the first message.
func offerSetup(answered, ours string) string {
	if answered == "passive" || answered != "active" && ours == "active" {
		return "active"
	}
	return "passive"
}
