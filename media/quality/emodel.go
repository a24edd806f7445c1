package quality

import (
	"math"
	"time"
)

// G.107's default parameters, Table 2, of those that matter once the ones that
// only enter the basic ratio are at their defaults.
const (
	receiveLoudness = 2.0   // RLR, dB
	echoLoudness    = 65.0  // TELR, dB
	echoPath        = 110.0 // WEPL, dB
	// noise is No, the power sum of circuit noise (-70 dBm0p), room noise of
	// 35 dB(A) at both ends and the noise floor (-64 dBmp), dBm0p (§7.2).
	noise = -61.18
	// basic is Ro, 15-1.5(SLR+No) with SLR 8 (§7.2).
	basic = 15 - 1.5*(8+noise)
	// simultaneous is Is: loudness 0.6, sidetone and one quantizing unit (§7.3).
	simultaneous = 1.41
)

// delayed is Id, what a one-way delay costs (G.107 §7.4): the echo of the
// talker and of the listener grows more annoying with it, and above 100 ms the
// delay itself is felt. G.107's three delays are one here.
func delayed(d time.Duration) float64 {
	ms := max(float64(d)/float64(time.Millisecond), 0)
	return talkerEcho(ms) + listenerEcho(2*ms) + tooLong(ms)
}

// talkerEcho is Idte for a one-way delay in ms.
func talkerEcho(t float64) float64 {
	terv := echoLoudness - 40*math.Log10((1+t/10)/(1+t/150)) + 6*math.Exp(-0.3*t*t)
	re := 80 + 2.5*(terv-14)
	roe := -1.5 * (noise - receiveLoudness)
	return ((roe-re)/2 + math.Sqrt((roe-re)*(roe-re)/4+100) - 1) * (1 - math.Exp(-t))
}

// listenerEcho is Idle for a round trip in ms.
func listenerEcho(tr float64) float64 {
	rle := 10.5 * (echoPath + 7) * math.Pow(tr+1, -0.25)
	return (basic-rle)/2 + math.Sqrt((basic-rle)*(basic-rle)/4+169)
}

// tooLong is Idd for an absolute delay in ms.
func tooLong(ta float64) float64 {
	if ta <= 100 {
		return 0
	}
	x := math.Log2(ta / 100)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}
