package sound

import (
	"slices"
	"strings"
	"time"
)

// Signal is what a tone tells the caller (ITU-T E.180, E.182).
type Signal uint8

const (
	Dial        Signal = iota // dial now
	Ringback                  // it rings there
	Busy                      // the called line is busy
	Congestion                // no way through; reorder in America
	Waiting                   // another call is waiting
	Information               // special information, before a spoken message
)

// plan holds the tones of a country.
type plan struct {
	country                                  string // ISO 3166
	dial, ringback, busy, congested, waiting []Step
}

func on(ms int, freqs ...float64) Step {
	s := Step{Length: time.Duration(ms) * time.Millisecond}
	copy(s.Freqs[:], freqs)
	return s
}

func off(ms int) Step { return on(ms) }

// plans follow ITU-T E.180 Supplement 2. A tone that a country makes with a modulated
// carrier is written as the frequencies that result.
var plans = []plan{
	{"AT", []Step{on(1000, 420)}, []Step{on(1000, 420), off(5000)}, []Step{on(400, 420), off(400)},
		[]Step{on(200, 420), off(200)}, []Step{on(40, 420), off(1960)}},
	{"AU", []Step{on(1000, 413, 438)}, []Step{on(400, 413, 438), off(200), on(400, 413, 438), off(2000)},
		[]Step{on(375, 425), off(375)}, []Step{on(375, 425), off(375), on(375, 420), off(375)},
		[]Step{on(200, 425), off(200), on(200, 425), off(4400)}},
	{"CH", []Step{on(1000, 425)}, []Step{on(1000, 425), off(4000)}, []Step{on(500, 425), off(500)},
		[]Step{on(200, 425), off(200)}, []Step{on(200, 425), off(200), on(200, 425), off(4000)}},
	{"DE", []Step{on(1000, 425)}, []Step{on(1000, 425), off(4000)}, []Step{on(480, 425), off(480)},
		[]Step{on(240, 425), off(240)}, []Step{on(200, 425), off(200), on(200, 425), off(5000)}},
	{"ES", []Step{on(1000, 425)}, []Step{on(1500, 425), off(3000)}, []Step{on(200, 425), off(200)},
		[]Step{on(200, 425), off(200), on(200, 425), off(200), on(200, 425), off(600)},
		[]Step{on(175, 425), off(175), on(175, 425), off(3500)}},
	{"FR", []Step{on(1000, 440)}, []Step{on(1500, 440), off(3500)}, []Step{on(500, 440), off(500)},
		[]Step{on(250, 440), off(250)}, []Step{on(300, 440), off(10000)}},
	{"GB", []Step{on(1000, 350, 440)}, []Step{on(400, 400, 450), off(200), on(400, 400, 450), off(2000)},
		[]Step{on(375, 400), off(375)}, []Step{on(400, 400), off(350), on(225, 400), off(525)},
		[]Step{on(100, 400), off(4000)}},
	{"IT", []Step{on(200, 425), off(200), on(600, 425), off(1000)}, []Step{on(1000, 425), off(4000)},
		[]Step{on(500, 425), off(500)}, []Step{on(200, 425), off(200)},
		[]Step{on(400, 425), off(100), on(250, 425), off(100), on(150, 425), off(14000)}},
	{"JP", []Step{on(1000, 400)}, []Step{on(1000, 384, 416), off(2000)}, []Step{on(500, 400), off(500)},
		[]Step{on(500, 400), off(500)}, []Step{on(500, 384, 416), off(8000)}},
	{"NL", []Step{on(1000, 425)}, []Step{on(1000, 425), off(4000)}, []Step{on(500, 425), off(500)},
		[]Step{on(250, 425), off(250)}, []Step{on(500, 425), off(9500)}},
	{"US", []Step{on(1000, 350, 440)}, []Step{on(2000, 440, 480), off(4000)}, []Step{on(500, 480, 620), off(500)},
		[]Step{on(250, 480, 620), off(250)}, []Step{on(300, 440), off(9700)}},
}

// information is the same everywhere (ITU-T E.180 §7).
var information = []Step{on(330, 950), on(330, 1400), on(330, 1800), off(1000)}

// Countries returns the ISO 3166 codes of the countries whose tones are known.
func Countries() []string {
	var all []string
	for _, p := range plans {
		all = append(all, p.country)
	}
	return all
}

// Tones returns the cadence of a signal in a country ("DE", "de", or "UK" for GB). It
// returns false when the country is not known.
func Tones(country string, s Signal) (Cadence, bool) {
	if s == Information {
		return Cadence{information, true}, true
	}
	country = strings.ToUpper(country)
	if country == "UK" {
		country = "GB"
	}
	i := slices.IndexFunc(plans, func(p plan) bool { return p.country == country })
	if i < 0 {
		return Cadence{}, false
	}
	p := plans[i]
	switch s {
	case Dial:
		return Cadence{p.dial, true}, true
	case Ringback:
		return Cadence{p.ringback, true}, true
	case Busy:
		return Cadence{p.busy, true}, true
	case Congestion:
		return Cadence{p.congested, true}, true
	case Waiting:
		return Cadence{p.waiting, true}, true
	}
	return Cadence{}, false
}
