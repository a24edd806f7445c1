package dtmf

import (
	"math"
	"math/cmplx"
	"time"
)

// press is a key that seems to be pressed.
type press struct {
	on       bool
	row, col int
	hits     int // looks that kept all limits

	peak    [2]float64     // the largest amplitude of each tone yet
	early   [12][2]float64 // amplitudes in the first looks, before the peak is known
	looks   int
	present int // looks after those in which both tones were there
	gap     int // looks in a row in which they were not

	turn [2]complex128 // phase turns between hits, added up
	sum  [2]float64    // and their sizes alone
}

// begin starts a press of a key that was found in the newest look. Its start
// lies in the looks before.
func (k *press) begin(row, col int, looks *[4]look) {
	*k = press{on: true, row: row, col: col}
	for i := len(looks) - 1; i >= 0; i-- {
		k.follow(&looks[i])
	}
	k.gap = 0
}

// follow notes whether the key is there.
func (k *press) follow(l *look) {
	a := [2]float64{cmplx.Abs(l[k.row]), cmplx.Abs(l[4+k.col])}
	for i := range a {
		k.peak[i] = max(k.peak[i], a[i])
	}
	there := a[0] >= k.peak[0]/2 && a[1] >= k.peak[1]/2
	if k.looks < len(k.early) {
		k.early[k.looks] = a
	} else if there {
		k.present++
	}
	k.looks++
	if there {
		k.gap = 0
	} else {
		k.gap++
	}
}

// hit notes a look in which the key was found.
func (k *press) hit(now, before *look) {
	k.hits++
	for i, n := range [2]int{k.row, 4 + k.col} {
		t := now[n] * conj(before[n])
		k.turn[i] += t
		k.sum[i] += cmplx.Abs(t)
	}
}

// end closes the press and reports whether it was a key.
func (k *press) end() (Event, bool) {
	k.on = false
	for _, a := range k.early[:min(k.looks, len(k.early))] {
		if a[0] >= k.peak[0]/2 && a[1] >= k.peak[1]/2 {
			k.present++
		}
	}
	if k.hits < minHits || k.present < minPresent {
		return Event{}, false
	}
	for i, f := range [2]float64{low[k.row], high[k.col]} {
		if math.Abs(turned(k.turn[i], f)) > offset*f || cmplx.Abs(k.turn[i]) < steadiness*k.sum[i] {
			return Event{}, false
		}
	}
	power := (k.peak[0]*k.peak[0] + k.peak[1]*k.peak[1]) / 2
	volume := -(10*math.Log10(2*power) + fullScale)
	return Event{
		Code:     keypad[k.row][k.col],
		Duration: time.Duration(k.present) * step,
		Volume:   uint8(min(max(math.Round(volume), 0), 63)),
	}, true
}
