package conceal

import (
	"errors"
	"math"
)

// maxComfort is how many reflection coefficients are read or written; further ones are
// valid and may be ignored (RFC 3389 §3).
const maxComfort = 12

// ComfortNoise is the content of a comfort noise packet (RFC 3389).
type ComfortNoise struct {
	// Level in dBov: 0 is the loudest square wave, -127 is silence.
	Level int
	// Order is the number of coefficients in use; 0 is white noise.
	Order int
	// Reflection coefficients of the all-pole model, each within ±1.
	Reflection [maxComfort]float64
}

// Parse reads a payload. Older senders send only the first octet.
func (c *ComfortNoise) Parse(payload []byte) error {
	if len(payload) == 0 {
		return errors.New("comfort noise without a level")
	}
	c.Level = -int(payload[0] & 0x7F) // RFC 3389 §3.1: the top bit is unused
	c.Order = min(len(payload)-1, maxComfort)
	for i := range c.Order {
		n := min(int(payload[1+i]), 254) // 255 is reserved
		c.Reflection[i] = 258 * float64(n-127) / 32768
	}
	return nil
}

// Append writes the payload behind dst.
func (c *ComfortNoise) Append(dst []byte) []byte {
	dst = append(dst, byte(min(max(-c.Level, 0), 127)))
	for _, k := range c.Reflection[:min(max(c.Order, 0), maxComfort)] {
		n := math.Round(k*32768/258) + 127
		dst = append(dst, byte(min(max(n, 0), 254)))
	}
	return dst
}

// Measure sets c to describe the noise in pcm, with at most order coefficients. It is
// for background noise of 20 ms or more; speech in it is described as noise, too.
func (c *ComfortNoise) Measure(pcm []int16, order int) {
	*c = ComfortNoise{Level: -127}
	power := meanSquare(pcm)
	if power == 0 {
		return
	}
	c.Level = min(max(int(math.Round(10*math.Log10(power/(32768*32768)))), -127), 0)
	var r [maxOrder + 1]float64
	var m model
	order = min(max(order, 0), maxComfort)
	correlate(r[:order+1], pcm)
	m.solve(r[:order+1])
	c.Order = order
	copy(c.Reflection[:order], m.reflection[:order])
}

// meanSquare is the power of pcm.
func meanSquare(pcm []int16) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum int64
	for _, v := range pcm {
		sum += int64(v) * int64(v)
	}
	return float64(sum) / float64(len(pcm))
}
