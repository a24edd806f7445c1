package codec

import "tandem/media/codec/conceal"

// G.722 splits 16 kHz audio into two bands at 8 kHz by a quadrature mirror
// filter and codes each by adaptive differential PCM: six bits for the lower,
// two for the upper, which makes an octet for two samples (64 kbit/s, mode 1).
// Names in comments are those of the blocks in ITU-T G.722 §6.

// g722Encoder takes 16 kHz.
type g722Encoder struct {
	low, high subband
	mirror    mirror
}

func newG722Encoder() *g722Encoder {
	return &g722Encoder{low: newSubband(lowFirst), high: newSubband(highFirst)}
}

func (e *g722Encoder) size(n int) int {
	if n%2 != 0 {
		return 0
	}
	return n / 2
}

func (e *g722Encoder) encode(dst []byte, pcm []int16) {
	for i := range dst {
		low, high := e.mirror.split(pcm[2*i], pcm[2*i+1])
		dst[i] = byte(e.high.codeHigh(high)<<6 | e.low.codeLow(low))
	}
}

// g722Decoder gives 16 kHz. What is lost is filled in each band, before they
// are joined, so that the filter sees no break.
type g722Decoder struct {
	low, high         subband
	mirror            mirror
	lowFill, highFill *conceal.Filler
	lowPCM, highPCM   [8 * maxPacket]int16
}

func newG722Decoder() *g722Decoder {
	return &g722Decoder{
		low: newSubband(lowFirst), lowFill: conceal.New(8000),
		high: newSubband(highFirst), highFill: conceal.New(8000),
	}
}

func (d *g722Decoder) samples(payload []byte) int { return 2 * len(payload) }

func (d *g722Decoder) decode(pcm []int16, payload []byte) {
	low, high := d.lowPCM[:len(payload)], d.highPCM[:len(payload)]
	for i, code := range payload {
		low[i] = int16(d.low.soundLow(int32(code) & 0x3F))
		high[i] = int16(d.high.soundHigh(int32(code) >> 6))
	}
	d.lowFill.Good(low)
	d.highFill.Good(high)
	d.join(pcm, low, high)
}

func (d *g722Decoder) join(pcm, low, high []int16) {
	for i := range low {
		pcm[2*i], pcm[2*i+1] = d.mirror.join(int32(low[i]), int32(high[i]))
	}
}

// followTime is how much of a loss the predictors follow, in ms. Longer would
// shrink their steps with the fading fill, and the speech after it with them.
const followTime = 20

// lost also codes what it fills, since the far side's predictors went on with
// the speech that was lost: ours follow the fill rather than stand still.
func (d *g722Decoder) lost(pcm []int16) {
	if len(pcm)%2 != 0 { // half a pair cannot be: an odd end is silent
		pcm[len(pcm)-1] = 0
		pcm = pcm[:len(pcm)-1]
	}
	for len(pcm) > 0 {
		n := min(len(pcm)/2, len(d.lowPCM))
		low, high := d.lowPCM[:n], d.highPCM[:n]
		d.lowFill.Lost(low)
		d.highFill.Lost(high)
		if d.lowFill.Missing() <= followTime*8 {
			for i := range low {
				d.low.codeLow(int32(low[i]))
				d.high.codeHigh(int32(high[i]))
			}
		}
		d.join(pcm, low, high)
		pcm = pcm[2*n:]
	}
}

// comfort puts the noise in the lower band, which has half the amplitude of
// the audio: what measures noise does it in the telephone's band.
func (d *g722Decoder) comfort(n *conceal.ComfortNoise) {
	half := *n
	half.Level -= 6
	d.lowFill.Comfort(&half)
	d.highFill.Comfort(&conceal.ComfortNoise{Level: -127})
}

// subband is the state of one band's coder, the same in both directions.
type subband struct {
	scale     int32 // quantizer's step (DETL, DETH)
	logScale  int32 // its logarithm (NBL, NBH)
	estimate  int32 // of the next sample (SL, SH)
	zeros     int32 // the part of it from the six zeros (SZL, SZH)
	recovered [3]int32
	partial   [3]int32 // recovered less what the poles predict (PLT, PH)
	poles     [3]int32 // from 1 (AL1, AL2)
	steps     [7]int32 // quantized differences (DLT, DH)
	weights   [7]int32 // of the zeros, from 1 (BL, BH)
}

// First steps of the quantizers (RESET in §6.2).
const (
	lowFirst  = 32
	highFirst = 8
)

func newSubband(scale int32) subband { return subband{scale: scale} }

// codeLow quantizes a sample of the lower band to six bits.
func (b *subband) codeLow(x int32) int32 {
	e := saturate(x - b.estimate) // SUBTRA
	size := e
	if e < 0 {
		size = -(e + 1)
	}
	// QUANTL: which interval of the scaled table the size lies in.
	low, high := 1, len(levels)
	for low < high {
		mid := (low + high) / 2
		if size < levels[mid]*b.scale>>12 {
			high = mid
		} else {
			low = mid + 1
		}
	}
	// The codes of falling and rising differences run down from 63 and 61,
	// except that the two smallest falling ones come first.
	var code int32
	switch {
	case e >= 0:
		code = int32(62 - low)
	case low <= 2:
		code = int32(64 - low)
	default:
		code = int32(34 - low)
	}
	b.stepLow(code)
	return code
}

// soundLow is the sample that six bits stand for (BLOCK5L).
func (b *subband) soundLow(code int32) int32 {
	v := limit(b.estimate+b.scale*steps6[code]>>15, -16384, 16383)
	b.stepLow(code)
	return v
}

// stepLow follows a code: the prediction uses only its upper four bits, so
// that the two lower may be stolen for data.
func (b *subband) stepLow(code int32) {
	code >>= 2
	difference := b.scale * steps4[code] >> 15 // INVQAL
	// LOGSCL and SCALEL.
	b.logScale = limit(b.logScale*127>>7+growLow[code], 0, 18432)
	b.scale = exponent(b.logScale, 8)
	b.predict(difference)
}

// codeHigh quantizes a sample of the upper band to two bits.
func (b *subband) codeHigh(x int32) int32 {
	e := saturate(x - b.estimate)
	size, code := e, int32(3) // QUANTH
	if e < 0 {
		size, code = -(e + 1), 1
	}
	if size >= 564*b.scale>>12 {
		code--
	}
	b.stepHigh(code)
	return code
}

// soundHigh is the sample that two bits stand for.
func (b *subband) soundHigh(code int32) int32 {
	v := limit(b.estimate+b.scale*steps2[code]>>15, -16384, 16383)
	b.stepHigh(code)
	return v
}

func (b *subband) stepHigh(code int32) {
	difference := b.scale * steps2[code] >> 15 // INVQAH
	// LOGSCH and SCALEH.
	b.logScale = limit(b.logScale*127>>7+growHigh[code], 0, 22528)
	b.scale = exponent(b.logScale, 10)
	b.predict(difference)
}

// exponent turns a logarithm of base 2 in units of 1/2048 into a step.
func exponent(log, offset int32) int32 {
	v := fractions[log>>6&31]
	if shift := offset - log>>11; shift >= 0 {
		v >>= shift
	} else {
		v <<= -shift
	}
	return v << 2
}

// predict adapts the predictor by a quantized difference and estimates the
// next sample (BLOCK4).
func (b *subband) predict(difference int32) {
	b.steps[0] = difference
	b.recovered[0] = saturate(b.estimate + difference) // RECONS
	b.partial[0] = saturate(b.zeros + difference)      // PARREC
	b.adaptPoles()
	b.adaptZeros()
	// DELAYA
	b.recovered[2], b.recovered[1] = b.recovered[1], b.recovered[0]
	b.partial[2], b.partial[1] = b.partial[1], b.partial[0]
	copy(b.steps[1:], b.steps[:6])
	// FILTEP
	poles := saturate(b.poles[1]*saturate(2*b.recovered[1])>>15 + b.poles[2]*saturate(2*b.recovered[2])>>15)
	// FILTEZ
	zeros := int32(0)
	for i := 1; i < 7; i++ {
		zeros += b.weights[i] * saturate(2*b.steps[i]) >> 15
	}
	b.zeros = saturate(zeros)
	b.estimate = saturate(poles + b.zeros) // PREDIC
}

// adaptPoles is UPPOL2 and UPPOL1.
func (b *subband) adaptPoles() {
	same1 := (b.partial[0] < 0) == (b.partial[1] < 0)
	same2 := (b.partial[0] < 0) == (b.partial[2] < 0)
	second := saturate(4 * b.poles[1])
	if same1 {
		second = min(-second, 32767)
	}
	second >>= 7
	if same2 {
		second += 128
	} else {
		second -= 128
	}
	second = limit(second+b.poles[2]*32512>>15, -12288, 12288)

	first := b.poles[1] * 32640 >> 15
	if same1 {
		first += 192
	} else {
		first -= 192
	}
	bound := 15360 - second // keeps the filter stable
	b.poles[1], b.poles[2] = limit(first, -bound, bound), second
}

// adaptZeros is UPZERO.
func (b *subband) adaptZeros() {
	step := int32(128)
	if b.steps[0] == 0 {
		step = 0
	}
	for i := 1; i < 7; i++ {
		w := b.weights[i] * 32640 >> 15
		if (b.steps[i] < 0) == (b.steps[0] < 0) {
			w += step
		} else {
			w -= step
		}
		b.weights[i] = saturate(w)
	}
}

func limit(v, low, high int32) int32 { return min(max(v, low), high) }

func saturate(v int32) int32 { return limit(v, -32768, 32767) }

// mirror is the quadrature mirror filter of 24 taps, with its history: a ring
// of twelve pairs written twice, so that any twelve lie in a row.
type mirror struct {
	even, odd [24]int32
	at        int
}

// push adds a pair and returns the last twelve of each, oldest first.
func (m *mirror) push(first, second int32) (even, odd *[12]int32) {
	m.even[m.at], m.even[m.at+12] = first, first
	m.odd[m.at], m.odd[m.at+12] = second, second
	if m.at++; m.at == 12 {
		m.at = 0
	}
	return (*[12]int32)(m.even[m.at:]), (*[12]int32)(m.odd[m.at:])
}

// filter is the two halves of the filter on the last twelve pairs.
func (m *mirror) filter(first, second int32) (a, b int32) {
	even, odd := m.push(first, second)
	for i, c := range mirrorTaps {
		a += even[i] * c
		b += odd[i] * mirrorTaps[11-i]
	}
	return a, b
}

// split two samples of audio into one of each band (TRANSMIT QMF).
func (m *mirror) split(first, second int16) (low, high int32) {
	a, b := m.filter(int32(first), int32(second))
	return limit((a+b)>>14, -16384, 16383), limit((b-a)>>14, -16384, 16383)
}

// join one sample of each band into two of audio (RECEIVE QMF).
func (m *mirror) join(low, high int32) (first, second int16) {
	a, b := m.filter(low+high, low-high)
	return int16(saturate(b >> 11)), int16(saturate(a >> 11))
}

// The tables of G.722 §6.

// mirrorTaps are every second tap of the filter; the rest are they reversed.
var mirrorTaps = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// levels bound the intervals of the lower band's quantizer (Q6).
var levels = [30]int32{0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
	786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919}

// steps2, steps4 and steps6 are the middles of intervals (QQ2, QQ4, QQ6).
var steps2 = [4]int32{-7408, -1616, 7408, 1616}

var steps4 = [16]int32{0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
	20456, 12896, 8968, 6288, 4240, 2584, 1200, 0}

var steps6 = [64]int32{-136, -136, -136, -136, -24808, -21904, -19008, -16704,
	-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
	-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
	-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
	24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
	10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
	4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
	1688, 1360, 1040, 728, 432, 136, -432, -136}

// growLow and growHigh are how a code moves the logarithm of the step (WL, WH).
var growLow = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}

var growHigh = [4]int32{798, -214, 798, -214}

// fractions are 2048 times the powers of two from 0 by 1/32 (ILB).
var fractions = [32]int32{2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383,
	2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
	2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371,
	3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008}
