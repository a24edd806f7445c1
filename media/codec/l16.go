package codec

import "encoding/binary"

// l16 is linear PCM, two octets a sample, most significant first (RFC 3551
// §4.5.11). It is mono here.
type l16 struct{}

func (l16) size(n int) int { return 2 * n }

func (l16) samples(payload []byte) int {
	if len(payload)%2 != 0 {
		return 0
	}
	return len(payload) / 2
}

func (l16) decode(pcm []int16, payload []byte) {
	for i := range pcm {
		pcm[i] = int16(binary.BigEndian.Uint16(payload[2*i:]))
	}
}

func (l16) encode(dst []byte, pcm []int16) {
	for i, v := range pcm {
		binary.BigEndian.PutUint16(dst[2*i:], uint16(v))
	}
}
