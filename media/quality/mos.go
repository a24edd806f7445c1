package quality

import (
	"math"
	"strings"
	"time"
)

// impairment is what a codec costs (ITU-T G.113 Appendix I): Ie without loss,
// and Bpl, how well it stands loss with concealment.
type impairment struct {
	codec   string
	ie, bpl float64
}

// impairments of the codecs with values in G.113, and two without: Opus and
// G.722 are given those of the narrowband scale that listening tests put next
// to them, Ie 0, and the robustness of G.711 with concealment for Opus (ours
// conceals alike), 10 for G.722 (G.113 wideband tables, rounded).
var impairments = [...]impairment{
	{"PCMU", 0, 25.1}, {"PCMA", 0, 25.1}, {"opus", 0, 25.1}, {"G722", 0, 10}, {"L16", 0, 4.3},
	{"G729", 11, 19}, {"G723", 15, 16.1}, {"GSM", 20, 10}, {"iLBC", 11, 32},
}

// MOS is the E-model's estimate (1 to 4.5) for a codec, a one-way delay from
// mouth to ear, a loss in percent and a burst ratio; false when the codec's
// impairment is not known. All else is G.107's default.
func MOS(codec string, delay time.Duration, loss, burst float64) (float64, bool) {
	r, ok := rating(codec, delay, loss, burst)
	return opinion(r), ok
}

// rating is R (G.107 §7.1) with default values: 93.2 less what delay and codec
// cost.
func rating(codec string, delay time.Duration, loss, burst float64) (float64, bool) {
	for _, c := range impairments {
		if strings.EqualFold(c.codec, codec) {
			return 93.2 - delayed(delay) - c.effective(loss, burst), true
		}
	}
	return 0, false
}

// effective is Ie,eff (G.107 §7.4).
func (c impairment) effective(loss, burst float64) float64 {
	if loss <= 0 {
		return c.ie
	}
	return c.ie + (95-c.ie)*loss/(loss/max(burst, 1)+c.bpl)
}

// delayed is Idd (G.107 §7.3): nothing up to 100 ms.
func delayed(d time.Duration) float64 {
	ms := float64(d) / float64(time.Millisecond)
	if ms <= 100 {
		return 0
	}
	x := math.Log2(ms / 100)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
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
