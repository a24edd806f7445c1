package codec

import (
	"math"
	"math/rand/v2"
)

// loud is seconds of tones of all levels, noise, steps and silence.
func loud(rate int, seconds float64) []int16 {
	pcm := make([]int16, int(float64(rate)*seconds))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range pcm {
		t := float64(i) / float64(rate)
		level := 32000 * math.Pow(10, -3*math.Abs(math.Sin(0.7*t)))
		v := 0.0
		switch int(t*5) % 5 {
		case 0, 1:
			v = level * math.Sin(2*math.Pi*(200*t+600*t*t))
		case 2:
			v = level * (random.Float64()*2 - 1)
		case 3:
			v = level * math.Copysign(1, math.Sin(2*math.Pi*440*t))
		}
		pcm[i] = int16(v)
	}
	return pcm
}
