package negotiation

import (
	"cmp"
	"slices"
	"strings"

	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
	"tandem/media/secure"
)

// Plan says how a side's m-line is to be carried.
type Plan struct {
	Off      bool // it only keeps its place and carries nothing
	RTP      bool
	Security secure.Keying
	ICE, Mux bool
	OnePort  bool    // RTCP needs no port of its own, whatever the answer
	Bundle   int     // index of the m-line whose transport is shared; -1 none
	Theirs   sdp.ICE // in an answer: the credentials of the side
	feedback bool    // the profile has the F of feedback
}

// Standing is what was agreed with a side for an m-line; it is zero when it need not be
// kept. A new offer that does not mention it must not drop what was agreed, least of
// all the protection.
type Standing struct {
	Security secure.Keying
	ICE, Mux bool
}

func planned(m *sdp.Media) Plan {
	return Plan{RTP: m.RTP(), Security: secure.Plain, Bundle: -1, feedback: strings.HasSuffix(strings.ToUpper(m.Proto), "F")}
}

// offering plans an m-line of an offer, when the other side has m.
func (d *Side) offering(m *sdp.Media, before Standing) Plan {
	p := planned(m)
	if !p.RTP {
		return p
	}
	p.Security = cmp.Or(d.want.Security, before.Security, securityOf(m))
	p.ICE = d.want.ICE.or(before.ICE || p.Security == secure.DTLS)
	p.Mux = d.want.Mux.or(before.Mux || p.Security == secure.DTLS)
	p.OnePort = p.Mux && (before.Mux || p.ICE) // otherwise RFC 5761 §5.1.1 requires both ports
	if p.Security == secure.DTLS {
		p.feedback = true
	} else if m.Kind == "audio" {
		p.feedback = false
	}
	return p
}

// answering plans an m-line that the side offered.
func (d *Side) answering(i int, m *sdp.Media) Plan {
	p := planned(m)
	if !p.RTP {
		return p
	}
	switch p.Security = securityOf(m); {
	case p.Security == secure.Optional && d.want.plain():
		p.Security = secure.Plain
	case p.Security == secure.Plain && (d.want.Security == secure.SDES || d.want.Security == secure.DTLS):
		p.Security = d.want.Security // it does not fit the offer, which will be refused
	}
	p.ICE = m.ICE.Ufrag != "" && d.want.ICE != No
	p.Mux = m.Mux && (d.want.Mux != No || muxOnly(m))
	p.OnePort = p.Mux // they offered it
	p.Bundle, p.Theirs = bundledWith(d.pending, i), m.ICE
	return p
}

// proto returns the profile for a plan; media other than RTP keeps its own.
func (p Plan) proto(theirs string) string {
	if !p.RTP {
		return theirs
	}
	var name string
	switch p.Security {
	case secure.Plain, secure.Optional:
		name = "RTP/AVP"
	case secure.SDES:
		name = "RTP/SAVP"
	case secure.DTLS:
		name = "UDP/TLS/RTP/SAVP"
	}
	if p.feedback {
		name += "F"
	}
	return name
}

// muxOnly reports whether the far side has no other port for RTCP (RFC 8858 §3).
func muxOnly(m *sdp.Media) bool {
	return slices.ContainsFunc(m.Attributes, func(a sdp.Attribute) bool { return a.Name == "rtcp-mux-only" })
}

// securityOf returns the security of an m-line. RTP/AVP with keys means that protection
// is optional (RFC 8643 §3).
func securityOf(m *sdp.Media) secure.Keying {
	switch {
	case !sdp.DemandsSRTP(m.Proto):
		if len(m.Crypto) > 0 {
			return secure.Optional
		}
		return secure.Plain
	case m.Fingerprint.Value != "":
		return secure.DTLS
	}
	return secure.SDES
}

// bundledWith returns the first m-line of the BUNDLE group of m-line i, or -1 when i is
// the first or in no group (RFC 9143 §7.3).
func bundledWith(d *sdp.Description, i int) int {
	if d == nil || d.Media[i].MID == "" {
		return -1
	}
	for _, a := range d.Attributes {
		tags := strings.Fields(a.Value)
		if a.Name != "group" || len(tags) < 2 || tags[0] != "BUNDLE" || !slices.Contains(tags[1:], d.Media[i].MID) {
			continue
		}
		for n := range d.Media {
			if d.Media[n].MID == tags[1] && n < i {
				return n
			}
		}
	}
	return -1
}

// goodKeys removes unusable keys and fingerprints. Then those after them count, or the
// offer is refused, which is better than a call without sound.
func goodKeys(desc *sdp.Description) {
	for i := range desc.Media {
		m := &desc.Media[i]
		if m.Fingerprint.Value != "" && secure.CheckFingerprint(m.Fingerprint.Hash, m.Fingerprint.Value) != nil {
			m.Fingerprint = sdp.Fingerprint{}
		}
		m.Crypto = slices.DeleteFunc(m.Crypto, func(c sdp.Crypto) bool {
			_, err := secure.ParseKey(c.Suite, c.Key)
			return err != nil
		})
	}
}

// choose takes one of two m-lines that offer the same media with and without
// protection, as phones did before RFC 5939 and RFC 8643: the protected one if we can
// use it; the other then counts as not offered. The plain one is never taken if the
// protected one was before.
func (d *Side) choose(desc *sdp.Description) {
	for i := range desc.Media {
		for j := range desc.Media {
			secured, plain := &desc.Media[i], &desc.Media[j]
			switch {
			case !sdp.DemandsSRTP(secured.Proto) || sdp.DemandsSRTP(plain.Proto) || !alike(secured, plain):
			case takeable(secured) || i < len(d.agreed) && d.agreed[i].Enabled && sdp.DemandsSRTP(d.agreed[i].Proto):
				plain.Port = 0 // RFC 3264 §6: refused
			default:
				secured.Port = 0
			}
		}
	}
}

// alike reports whether two m-lines are for the same media.
func alike(a, b *sdp.Media) bool {
	within := func(a, b *sdp.Media) bool {
		return !slices.ContainsFunc(a.Codecs, func(c sdp.Codec) bool {
			return c.Main() && !slices.ContainsFunc(b.Codecs, func(o sdp.Codec) bool { return c.Same(o) })
		})
	}
	return a.Port != 0 && b.Port != 0 && a.RTP() && b.RTP() && a.Kind == b.Kind && a.Connection == b.Connection && within(a, b) && within(b, a)
}

// takeable reports whether there is a key or fingerprint that we can use.
func takeable(m *sdp.Media) bool {
	ours := make([]sdp.Crypto, 0, len(secure.Profiles))
	for _, p := range secure.Profiles {
		ours = append(ours, sdp.Crypto{Suite: string(p)})
	}
	_, ok := exchange.ChooseCrypto(m.Crypto, ours)
	return ok || m.Fingerprint.Value != ""
}
