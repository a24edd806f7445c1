package codec

import "github.com/zaf/g711"

// ulaw is PCMU, 8 kHz, one octet a sample (ITU-T G.711; RFC 3551 §4.5.14).
type ulaw struct{}

func (ulaw) samples(payload []byte) int { return len(payload) }
func (ulaw) size(n int) int             { return n }

func (ulaw) decode(pcm []int16, payload []byte) {
	for i, v := range payload {
		pcm[i] = g711.DecodeUlawFrame(v)
	}
}

func (ulaw) encode(dst []byte, pcm []int16) {
	for i, v := range pcm {
		dst[i] = g711.EncodeUlawFrame(v)
	}
}

// alaw is PCMA, 8 kHz, one octet a sample.
type alaw struct{}

func (alaw) samples(payload []byte) int { return len(payload) }
func (alaw) size(n int) int             { return n }

func (alaw) decode(pcm []int16, payload []byte) {
	for i, v := range payload {
		pcm[i] = g711.DecodeAlawFrame(v)
	}
}

func (alaw) encode(dst []byte, pcm []int16) {
	for i, v := range pcm {
		dst[i] = g711.EncodeAlawFrame(v)
	}
}
