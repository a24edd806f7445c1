package codec

import (
	"math/rand/v2"
)

// losses says which of n packets are lost: a share at random, or as many in
// bursts of three on average (a Gilbert model).
func losses(n int, share float64, bursts bool, seed uint64) []bool {
	random := rand.New(rand.NewPCG(7, seed))
	lost, bad := make([]bool, n), false
	for i := range lost {
		switch {
		case !bursts:
			bad = random.Float64() < share
		case bad:
			bad = random.Float64() < 2.0/3
		default:
			bad = random.Float64() < share/3/(1-share)
		}
		lost[i] = bad && i > 10
	}
	return lost
}

// play decodes packets of 20 ms, filling those lost by fill, nil for nothing.
func play(d Decoder, rate int, all [][]byte, lost []bool, fill func([]int16)) ([]int16, error) {
	step := rate / 50
	out := make([]int16, 0, len(all)*step)
	pcm := make([]int16, rate*maxPacket/1000)
	for i, p := range all {
		if lost != nil && lost[i] {
			clear(pcm[:step])
			if fill != nil {
				fill(pcm[:step])
			}
			out = append(out, pcm[:step]...)
			continue
		}
		n, err := d.Decode(pcm, p)
		if err != nil {
			return nil, err
		}
		out = append(out, pcm[:n]...)
	}
	return out, nil
}

// around keeps of pcm only the packets lost and the one after each loss.
func around(pcm []int16, step int, lost []bool) []int16 {
	var out []int16
	for i := range lost {
		if lost[i] || i > 0 && lost[i-1] {
			out = append(out, pcm[i*step:(i+1)*step]...)
		}
	}
	return out
}
