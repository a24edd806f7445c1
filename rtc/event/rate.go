package event

import (
	"math"
	"strconv"
	"time"

	"tandem/rtc/sip"
)

// rates are how often a subscriber wants to be told (RFC 6446), as times between
// two NOTIFYs in ms.
type rates struct {
	interval uint32 // least, of max-rate or the package
	longest  uint32 // most, of min-rate; 0 = any
	adaptive uint32 // on average, of adaptive-min-rate; 0 = any
}

// read takes over the rates in an Event header, and reports whether there are any.
func (r *rates) read(m *sip.Message, p *Package) bool {
	e := sip.ParseParted(m.Get(sip.HdrEvent))
	value := func(name string) (uint32, bool) {
		v, ok := e.Param(name)
		if !ok {
			return 0, false
		}
		return period(v), true
	}
	most, some := value("max-rate")
	least, some2 := value("min-rate")
	adaptive, some3 := value("adaptive-min-rate")
	*r = rates{interval: max(most, uint32(p.Interval.Milliseconds()))}
	if adaptive > 0 {
		r.adaptive = max(adaptive, r.interval, shortestLongest) // RFC 6446 §8
	}
	if least = max(least, r.interval); least > 0 && (adaptive == 0 || least > r.adaptive) && some2 { // RFC 6446 §8: or it does not count
		r.longest = max(least, shortestLongest)
	}
	return some || some2 || some3
}

// shortestLongest is the least time, ms, after which a NOTIFY is sent without news.
const shortestLongest = 1000

// period of a rate in NOTIFYs a second, 0 when there is none.
func period(rate []byte) uint32 {
	f, err := strconv.ParseFloat(string(rate), 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return uint32(min(1000/f, float64(24*time.Hour/time.Millisecond)))
}

// within has a rate never silence a subscription to its end (RFC 6446 §5.3).
func (r *rates) within(expires time.Duration) {
	if ms := uint32(expires.Milliseconds()); ms > 0 {
		r.interval = min(r.interval, ms)
	}
}

// history is how many times adaptive the period is over which is averaged.
const history = 8

// sent counts a NOTIFY, so long after the one before; count is how many there
// were lately, 0 before the first. Older ones count less and less: that needs no
// list of them.
func (r *rates) sent(count float32, after int64) float32 {
	if r.adaptive == 0 {
		return 0
	}
	if count == 0 {
		return history // RFC 6446 §7.2, 1)
	}
	return count*float32(math.Exp(-float64(after)/float64(history*int64(r.adaptive)))) + 1
}

// silence is how long may pass without a NOTIFY, 0 = any time.
func (r *rates) silence(count float32) int64 {
	if r.adaptive == 0 {
		return int64(r.longest)
	}
	ms := max(int64(count*float32(r.adaptive)/history), int64(r.interval), 100) // RFC 6446 §7.4, (2)
	if r.longest > 0 {
		ms = min(ms, int64(r.longest))
	}
	return ms
}

// append writes the rates that count, as parameters of Subscription-State.
func (r *rates) append(dst []byte, p *Package) []byte {
	for _, x := range []struct {
		name string
		ms   uint32
	}{{";max-rate=", r.interval}, {";min-rate=", r.longest}, {";adaptive-min-rate=", r.adaptive}} {
		if x.ms > 0 && (x.name != ";max-rate=" || int64(x.ms) > p.Interval.Milliseconds()) {
			dst = strconv.AppendFloat(append(dst, x.name...), 1000/float64(x.ms), 'g', 4, 64)
		}
	}
	return dst
}
