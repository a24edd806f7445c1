package quality

import (
	"time"

	"tandem/media/format"
)

// impairment is the effect of a codec (format.Loss).
type impairment struct{ ie, bpl float64 }

// unconcealed is G.711's Bpl when lost packets are silence.
const unconcealed = 4.3

func impairmentOf(codec string) (impairment, bool) {
	f := format.Of(codec)
	if f == nil || f.Loss == nil {
		return impairment{}, false
	}
	return impairment{f.Loss.Ie, f.Loss.Bpl}, true
}

// MOS returns the E-model's estimate (1 to 4.5) for a codec, a one-way delay from mouth
// to ear, a loss in percent and a burst ratio; false when the codec's impairment is
// unknown. Everything else is G.107's default: handsets with a talker echo 65 dB down.
func MOS(codec string, delay time.Duration, loss, burst float64) (float64, bool) {
	c, ok := impairmentOf(codec)
	if !ok {
		return 0, false
	}
	return opinion(c.rating(delay, loss, burst)), true
}

// rating returns R (G.107 §7.1).
func (c impairment) rating(delay time.Duration, loss, burst float64) float64 {
	return basic - simultaneous - delayed(delay) - c.effective(loss, burst)
}

// effective returns Ie,eff (G.107 §7.5).
func (c impairment) effective(loss, burst float64) float64 {
	if !(loss > 0) {
		return c.ie
	}
	loss = min(loss, 100)
	return c.ie + (95-c.ie)*loss/(loss/max(burst, 1)+c.bpl)
}

// opinion converts R to a mean opinion score (G.107 Annex B).
func opinion(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}
