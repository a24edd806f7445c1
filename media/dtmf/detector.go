package dtmf

import (
	"math"
	"time"
)

// The detector examines the last 20 ms under a Hann window, every 5 ms, at 8000 Hz. For
// any window, a tone of n ms has at least half its amplitude in about n/5 of these
// looks, which gives the duration. A Hann window keeps the other tones of the keypad 30
// dB below.
const (
	base   = 8000
	window = base / 50
	hop    = base / 200
	step   = 5 * time.Millisecond
)

// Limits, from ITU-T Q.24 and common practice.
const (
	floorLevel  = 0.014 // amplitude of one tone, -37 dBFS; -30 dBm0 is -33
	moreHigh    = 4.0   // highest power ratio of the high tone to the low one: 6 dB; 4 dB must pass
	moreLow     = 10.0  // highest power ratio of the low tone to the high one: 10 dB; 8 dB must pass
	share       = 0.85  // least part of all power in the two tones; at 15 dB SNR it is 0.97
	rival       = 4.0   // least power ratio of a tone to any other of its group: 6 dB
	offset      = 0.025 // highest error of the mean frequency: 1.5 % must pass, 3.5 % must not
	stray       = 0.035 // highest error of the frequency between two looks
	steadiness  = 0.99  // least evenness of the phase; a sine has 1
	harmonic    = 0.05  // highest power ratio of the second harmonic to its tone: -13 dB
	minHits     = 4     // least number of looks within all limits
	minPresent  = 6     // least number of looks with the tone: 30 ms; 20 ms must not pass, 40 ms must
	maxGap      = 4     // number of looks without the tone that ends a key: 20 ms; a gap of 10 ms does not
	presentHits = 2     // hits after which a key counts as begun
)

// Detector finds keys in PCM (Goertzel, ITU-T Q.24 limits).
type Detector struct {
	down *decimator

	pcm   [window]float64 // the last window, a ring
	at    int             // its oldest sample
	fresh int             // samples since the last look
	taper [window]float64
	tones [8]goertzel // low, then high

	looks [4]look // the last ones, the newest first
	key   press
}

// look is the amplitude and phase of each tone of the keypad at one moment.
type look [8]complex128

// NewDetector makes one for mono PCM at 8000 or 16000 or 48000 Hz.
func NewDetector(rate int) *Detector {
	d := &Detector{}
	if rate > base {
		d.down = newDecimator(rate / base)
	}
	for i := range d.taper {
		d.taper[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/window)
	}
	for i := range low {
		d.tones[i], d.tones[4+i] = tuned(low[i]), tuned(high[i])
	}
	return d
}

// Process takes samples and calls back for each key when it has ended.
func (d *Detector) Process(pcm []int16, found func(Event)) {
	for _, s := range pcm {
		x := float64(s) / 32768
		if d.down != nil {
			var ok bool
			if x, ok = d.down.next(x); !ok {
				continue
			}
		}
		d.pcm[d.at] = x
		d.at = (d.at + 1) % window
		if d.fresh++; d.fresh < hop {
			continue
		}
		d.fresh = 0
		if e, ended := d.look(); ended && found != nil {
			found(e)
		}
	}
}

// Present reports whether the last samples contain a key that has begun: such audio is
// muted when the key is sent in another form. It needs about 25 ms of the key.
func (d *Detector) Present() bool { return d.key.on && d.key.hits >= presentHits }

// look evaluates the window and returns the key that has ended, if one has.
func (d *Detector) look() (e Event, ended bool) {
	var x [window]float64
	energy := 0.0
	for i := range x {
		x[i] = d.pcm[(d.at+i)%window] * d.taper[i]
		energy += x[i] * x[i]
	}
	copy(d.looks[1:], d.looks[:])
	d.looks[0] = look{}
	row, col, ok := 0, 0, false
	if power := energy / sumSquares; power > floorLevel*floorLevel/2 {
		for i := range d.tones {
			d.looks[0][i] = d.tones[i].of(&x)
		}
		row, col, ok = d.judge(&x, power)
	}
	k := &d.key
	if k.on {
		k.follow(&d.looks[0])
		if k.gap >= maxGap || ok && (row != k.row || col != k.col) {
			e, ended = k.end()
		}
	}
	if ok {
		if !k.on {
			k.begin(row, col, &d.looks)
		}
		k.hit(&d.looks[0], &d.looks[1])
	}
	return e, ended
}

// judge returns the key whose two tones make up the window, if there is one.
func (d *Detector) judge(x *[window]float64, power float64) (row, col int, ok bool) {
	now, before := &d.looks[0], &d.looks[1]
	row, ok = strongest(now[:4])
	if !ok {
		return 0, 0, false
	}
	if col, ok = strongest(now[4:]); !ok {
		return 0, 0, false
	}
	p1, ok1 := tonePower(now[row], before[row], low[row])
	p2, ok2 := tonePower(now[4+col], before[4+col], high[col])
	if !ok1 || !ok2 || p2 > moreHigh*p1 || p1 > moreLow*p2 || p1+p2 < share*power {
		return 0, 0, false
	}
	// Voices have harmonics, keys do not. If the low tone's harmonic is next to the
	// high tone it cannot be measured.
	if h := tuned(2 * high[col]).of(x); norm(h)/2 > harmonic*p2 {
		return 0, 0, false
	}
	if math.Abs(2*low[row]-high[col]) > 110 {
		if h := tuned(2 * low[row]).of(x); norm(h)/2 > harmonic*p1 {
			return 0, 0, false
		}
	}
	return row, col, true
}

// strongest returns the one tone of a group that stands out.
func strongest(group []complex128) (n int, ok bool) {
	best := 0.0
	for i, v := range group {
		if p := norm(v); p > best {
			n, best = i, p
		}
	}
	if best < floorLevel*floorLevel {
		return 0, false
	}
	for i, v := range group {
		if i != n && norm(v)*rival > best {
			return 0, false
		}
	}
	return n, true
}

// tonePower returns the power of a tone near freq. The phase since the last look gives
// its true frequency, and so how much the window weakens it.
func tonePower(now, before complex128, freq float64) (p float64, ok bool) {
	off := turned(now*conj(before), freq)
	if math.Abs(off) > stray*freq {
		return 0, false
	}
	r := response(off)
	return norm(now) / 2 / (r * r), true
}
