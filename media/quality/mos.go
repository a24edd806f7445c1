package quality

import (
	"strings"
	"time"
)

// impairment is what a codec costs (ITU-T G.113 Appendix I): Ie without loss,
// and Bpl, how well it stands loss.
type impairment struct{ ie, bpl float64 }

// impairments are those of receivers that conceal loss, as all do today.
// G.711, G.729A, G.723.1 and GSM-EFR are G.113's. It has none on this scale for
// the others, and these are assumptions:
//   - opus at 16 kb/s and more: measured at 11 kb/s narrowband by Al-Ahmadi,
//     Počta and Melvin (2021) as Ie 2.0 and Bpl 16.0; Ie goes to 0 above.
//   - G722: nothing is lost against G.711 in the telephone's band; it stands
//     loss less well, since its predictor must find back.
//   - L16 is G.711 without its noise.
var impairments = [...]struct {
	codec string
	impairment
}{
	{"PCMU", impairment{0, 25.1}}, {"PCMA", impairment{0, 25.1}}, {"L16", impairment{0, 25.1}},
	{"opus", impairment{0, 16}}, {"G722", impairment{0, 10}},
	{"G729", impairment{11, 19}}, {"G723", impairment{15, 16.1}}, {"GSM-EFR", impairment{5, 10}},
}

// unconcealed is G.711's Bpl when lost packets are silence.
const unconcealed = 4.3

func impairmentOf(codec string) (impairment, bool) {
	for _, c := range impairments {
		if strings.EqualFold(c.codec, codec) {
			return c.impairment, true
		}
	}
	return impairment{}, false
}

// MOS is the E-model's estimate (1 to 4.5) for a codec, a one-way delay from
// mouth to ear, a loss in percent and a burst ratio; false when the codec's
// impairment is not known. All else is G.107's default: telephones with
// handsets, talker echo 65 dB down.
func MOS(codec string, delay time.Duration, loss, burst float64) (float64, bool) {
	c, ok := impairmentOf(codec)
	if !ok {
		return 0, false
	}
	return opinion(c.rating(delay, loss, burst)), true
}

// rating is R (G.107 §7.1).
func (c impairment) rating(delay time.Duration, loss, burst float64) float64 {
	return basic - simultaneous - delayed(delay) - c.effective(loss, burst)
}

// effective is Ie,eff (G.107 §7.5).
func (c impairment) effective(loss, burst float64) float64 {
	if !(loss > 0) {
		return c.ie
	}
	loss = min(loss, 100)
	return c.ie + (95-c.ie)*loss/(loss/max(burst, 1)+c.bpl)
}

// opinion turns R into a mean opinion (G.107 Annex B).
func opinion(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}
