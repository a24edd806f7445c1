package sdp

// numbers is what each payload number means in what we write for one m-line.
// Once there, a number keeps its meaning (RFC 3264 §8.3.2).
type numbers map[uint8]Codec

// fits says whether number n may mean c: nothing else yet.
func (t numbers) fits(n uint8, c Codec) bool {
	before, ok := t[n]
	return !ok || sameFormat(before, c)
}

// keep notes a meaning. A format without a name has none we know.
func (t numbers) keep(n uint8, c Codec) {
	if _, ok := t[n]; !ok && c.Name != "" {
		c.PayloadType = n
		t[n] = c
	}
}

// of finds the number c had, not among those taken by the description being
// written. Rather one with the same parameters.
func (t numbers) of(c Codec, taken map[uint8]bool) (uint8, bool) {
	found, ok := uint8(0), false
	for n := range uint8(128) {
		before, known := t[n]
		if !known || taken[n] || !sameFormat(before, c) {
			continue
		}
		if before.Fmtp == c.Fmtp {
			return n, true
		}
		if !ok {
			found, ok = n, true
		}
	}
	return found, ok
}

// eventNumber is what most devices use for telephone-event; some know no other.
const eventNumber = 101

// choose finds a number for c in our own offer: the one it had, the one asked
// for, the static one, the same as on another m-line, or a free one.
func (a *Agent) choose(t numbers, kind string, c Codec, taken map[uint8]bool) (uint8, bool) {
	free := func(n uint8) bool { return !taken[n] && t.fits(n, c) }
	if n, ok := t.of(c, taken); ok {
		return n, true
	}
	if n, ok := staticNumber(c); ok && free(n) {
		return n, true
	}
	if dynamic(c.PayloadType) && free(c.PayloadType) && !a.elsewhere(c.PayloadType, c) {
		return c.PayloadType, true
	}
	for _, s := range a.slots {
		if other := s.kinds[kind]; other != nil {
			if n, ok := other.ours.of(c, taken); ok && dynamic(n) && free(n) {
				return n, true
			}
		}
	}
	return a.free(t, c, taken)
}

// free finds a dynamic number that means nothing yet: 96 and up, then 35 to 63
// (RFC 5761 §4); rather one no other m-line uses, as BUNDLE wants.
func (a *Agent) free(t numbers, c Codec, taken map[uint8]bool) (uint8, bool) {
	order := make([]uint8, 0, 64)
	if c.Event() {
		order = append(order, eventNumber)
	}
	for n := uint8(96); n < 128; n++ {
		if n != eventNumber {
			order = append(order, n)
		}
	}
	order = append(order, eventNumber)
	for n := uint8(35); n < 64; n++ {
		order = append(order, n)
	}
	for _, alone := range []bool{true, false} {
		for _, n := range order {
			if _, known := t[n]; !known && !taken[n] && !(alone && a.elsewhere(n, c)) {
				return n, true
			}
		}
	}
	return 0, false
}

// elsewhere says whether another m-line, or the other side, uses n for
// something else. Both are allowed, and both confuse devices.
func (a *Agent) elsewhere(n uint8, c Codec) bool {
	for _, s := range a.slots {
		for _, t := range s.kinds {
			if !t.ours.fits(n, c) || !t.theirs.fits(n, c) {
				return true
			}
		}
	}
	return false
}

func dynamic(n uint8) bool { return n >= 96 && n < 128 || n >= 35 && n < 64 }
