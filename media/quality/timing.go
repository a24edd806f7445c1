package quality

import "time"

// timing estimates the jitter (RFC 3550 §6.4.1, A.8).
type timing struct {
	epoch   time.Time // arrival times count from here
	transit int64
	last    uint32 // timestamp
	have    bool
	jitter  float64 // timestamp units
	clock   int     // those units a second
	step    uint32  // timestamp units a packet lasts, as last seen
}

// far is a change of transit time, in seconds, that is no jitter but another
// clock or a jump of the timestamps.
const far = 5

// arrive notes a packet. Packets that share a timestamp (key events) were not
// sampled when they say and tell nothing.
func (t *timing) arrive(timestamp uint32, at time.Time, clock int) {
	if clock <= 0 || t.have && timestamp == t.last && clock == t.clock {
		return
	}
	if clock != t.clock {
		if t.clock > 0 {
			t.jitter *= float64(clock) / float64(t.clock)
		}
		t.clock, t.have, t.step = clock, false, 0
	}
	if t.epoch.IsZero() {
		t.epoch = at
	}
	transit := units(at.Sub(t.epoch), clock) - int64(timestamp)
	if t.have {
		// The difference of the timestamps is theirs modulo 2³².
		d := int64(int32(transit - t.transit))
		if d < 0 {
			d = -d
		}
		if d < far*int64(clock) {
			t.jitter += (float64(d) - t.jitter) / 16
		}
		if s := timestamp - t.last; s > 0 && s <= uint32(clock)/5 && (t.step == 0 || s < 2*t.step) {
			t.step = s // of a gap it would be a multiple
		}
	}
	t.transit, t.last, t.have = transit, timestamp, true
}

// ran takes over an estimate that was made elsewhere up to a packet.
func (t *timing) ran(timestamp uint32, jitter time.Duration, at time.Time) {
	if t.clock <= 0 || t.epoch.IsZero() {
		return
	}
	t.jitter = jitter.Seconds() * float64(t.clock)
	t.transit, t.last, t.have = units(at.Sub(t.epoch), t.clock)-int64(timestamp), timestamp, true
}

// restart begins with new timestamps; the estimate stays.
func (t *timing) restart() { t.have = false }

// units is d on a clock; it does not overflow within a century.
func units(d time.Duration, clock int) int64 {
	seconds, rest := d/time.Second, d%time.Second
	return int64(seconds)*int64(clock) + int64(rest)*int64(clock)/int64(time.Second)
}

// duration is the jitter as time.
func (t *timing) duration(clock int) time.Duration {
	if clock <= 0 {
		return 0
	}
	return time.Duration(t.jitter / float64(clock) * float64(time.Second))
}

// packet is how long one packet lasts; 20 ms until it is known.
func (t *timing) packet(clock int) time.Duration {
	if t.step == 0 || clock <= 0 {
		return 20 * time.Millisecond
	}
	return time.Duration(t.step) * time.Second / time.Duration(clock)
}
