package dtmf

import (
	"math"
	"time"
)

// The frequencies of the rows and columns of the keypad (ITU-T Q.23), Hz.
var (
	low  = [4]float64{697, 770, 852, 941}
	high = [4]float64{1209, 1336, 1477, 1633}
)

// keypad are the codes by row and column.
var keypad = [4][4]uint8{{1, 2, 3, 12}, {4, 5, 6, 13}, {7, 8, 9, 14}, {10, 0, 11, 15}}

const (
	ramp = 5 * time.Millisecond // rise and fall, so that the tone does not click
	// weakest is the volume below which a tone is not made: a receiver must
	// still hear it, whatever the packet claimed.
	weakest = 20
	// A sine of full scale has 3.14 dBm0 (ITU-T G.711), and each of the two
	// tones has half the power.
	fullScale, half = 3.14, 3.0
	// emphasis is by how much the low tone is weaker, since lines weaken the high.
	emphasis = 2.0
)

// frequencies are the two tones of a code.
func frequencies(code uint8) (f1, f2 float64, ok bool) {
	for r := range keypad {
		for c := range keypad[r] {
			if keypad[r][c] == code {
				return low[r], high[c], true
			}
		}
	}
	return 0, 0, false
}

// Tone writes a key as audio into pcm from a place in it (samples since its
// start) and returns false when the event is over; what is left of pcm then is
// silence. Volume 0 gives the loudest tone, -6 dBFS high and -8 dBFS low. A
// flash has no tone and is silence.
func Tone(pcm []int16, rate int, e Event, at int) bool {
	total := int(e.Duration * time.Duration(rate) / time.Second)
	f1, f2, ok := frequencies(e.Code)
	n := min(len(pcm), max(total-at, 0))
	if !ok {
		n = 0
	}
	clear(pcm[n:])
	level := -float64(min(e.Volume, weakest)) - half - fullScale
	a2 := 32767 * math.Pow(10, level/20)
	a1 := a2 * math.Pow(10, -emphasis/20)
	edge := max(min(int(ramp*time.Duration(rate)/time.Second), total/2), 1)
	s1, c1 := math.Sincos(2 * math.Pi * f1 * float64(at) / float64(rate))
	s2, c2 := math.Sincos(2 * math.Pi * f2 * float64(at) / float64(rate))
	ds1, dc1 := math.Sincos(2 * math.Pi * f1 / float64(rate))
	ds2, dc2 := math.Sincos(2 * math.Pi * f2 / float64(rate))
	for i := range pcm[:n] {
		v := a1*s1 + a2*s2
		if near := min(at+i, total-1-(at+i)); near < edge {
			// A raised cosine has no corner to be heard.
			v *= 0.5 - 0.5*math.Cos(math.Pi*float64(near)/float64(edge))
		}
		pcm[i] = int16(math.Round(v))
		s1, c1 = s1*dc1+c1*ds1, c1*dc1-s1*ds1
		s2, c2 = s2*dc2+c2*ds2, c2*dc2-s2*ds2
	}
	return at+len(pcm) < total
}
