package negotiation

import (
	"slices"

	"tandem/media/sdp"
	"tandem/media/secure"
)

// choose takes one of two m-lines by which a phone offers the same media
// protected or not, as it was done before RFC 5939 and RFC 8643: the protected
// one if it can be taken, and the other is as good as not offered. A plain one is
// never taken where the protected one was.
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

// alike says whether two m-lines are of the same media.
func alike(a, b *sdp.Media) bool {
	within := func(a, b *sdp.Media) bool {
		return !slices.ContainsFunc(a.Codecs, func(c sdp.Codec) bool {
			return c.Main() && !slices.ContainsFunc(b.Codecs, func(o sdp.Codec) bool { return c.Same(o) })
		})
	}
	return a.Port != 0 && b.Port != 0 && a.RTP() && b.RTP() && a.Kind == b.Kind && a.Connection == b.Connection && within(a, b) && within(b, a)
}

// takeable says whether there is a key or fingerprint that we take.
func takeable(m *sdp.Media) bool {
	ours := make([]sdp.Crypto, 0, len(secure.Profiles))
	for _, p := range secure.Profiles {
		ours = append(ours, sdp.Crypto{Suite: string(p)})
	}
	_, ok := sdp.ChooseCrypto(m.Crypto, ours)
	return ok || m.Fingerprint.Value != ""
}
