package exchange

import (
	"slices"
	"strconv"

	"tandem/media/sdp"
)

// numbers holds the meaning of each payload number in what we write for one m-line, in
// the order of the numbers. A number never changes its meaning (RFC 3264 §8.3.2).
type numbers []sdp.Codec

// find returns the meaning of a number, or nil.
func (t numbers) find(n uint8) *sdp.Codec {
	for i := range t {
		if t[i].PayloadType == n {
			return &t[i]
		}
	}
	return nil
}

// fits reports whether number n may mean c: it has no other meaning yet.
func (t numbers) fits(n uint8, c sdp.Codec) bool {
	before := t.find(n)
	return before == nil || before.Same(c)
}

// keep stores a meaning. A format without a name has no known meaning.
func (t *numbers) keep(n uint8, c sdp.Codec) {
	if c.Name != "" && t.find(n) == nil {
		t.set(n, c)
	}
}

// set gives a number a meaning, even if it had another one.
func (t *numbers) set(n uint8, c sdp.Codec) {
	c.PayloadType = n
	i := 0
	for i < len(*t) && (*t)[i].PayloadType < n {
		i++
	}
	if i < len(*t) && (*t)[i].PayloadType == n {
		(*t)[i] = c
		return
	}
	*t = slices.Insert(*t, i, c)
}

// begin reserves room for the first meanings.
func (t *numbers) begin(count int) {
	if *t == nil {
		*t = make(numbers, 0, count)
	}
}

// of returns the number that c had before and that the current description does not use
// yet, preferably with the same parameters.
func (t numbers) of(c sdp.Codec, taken *numberSet) (uint8, bool) {
	found, ok := uint8(0), false
	for i := range t {
		n := t[i].PayloadType
		if taken.has(n) || !t[i].Same(c) {
			continue
		}
		if t[i].Fmtp == c.Fmtp {
			return n, true
		}
		if !ok {
			found, ok = n, true
		}
	}
	return found, ok
}

// numberSet is a set of payload numbers.
type numberSet [2]uint64

func (s *numberSet) has(n uint8) bool { return s[n>>6&1]&(1<<(n&63)) != 0 }
func (s *numberSet) add(n uint8)      { s[n>>6&1] |= 1 << (n & 63) }

// renumbering maps the payload numbers of one description to those of another.
type renumbering struct {
	known numberSet
	to    [128]uint8
}

func (r *renumbering) set(from, to uint8) {
	r.known.add(from)
	r.to[from&0x7f] = to
}

// of returns the new number, or false when there is none.
func (r *renumbering) of(n uint8) (uint8, bool) { return r.to[n&0x7f], r.known.has(n) }

// eventNumber is the usual number of telephone-event; some devices know no other.
const eventNumber = 101

// choose returns a number for c in our own offer: the previous one, the requested one,
// the static one, the same as on another m-line, or a free one.
func (a *Agent) choose(t numbers, kind string, c sdp.Codec, taken *numberSet) (uint8, bool) {
	free := func(n uint8) bool { return !taken.has(n) && t.fits(n, c) }
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
		if other := s.known(kind); other != nil {
			if n, ok := other.ours.of(c, taken); ok && dynamic(n) && free(n) {
				return n, true
			}
		}
	}
	return a.free(t, c, taken)
}

// free returns a dynamic number without a meaning: 96 and up, then 35 to 63 (RFC 5761
// §4); preferably one that no other m-line uses, as BUNDLE requires.
func (a *Agent) free(t numbers, c sdp.Codec, taken *numberSet) (uint8, bool) {
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
			if t.find(n) == nil && !taken.has(n) && !(alone && a.elsewhere(n, c)) {
				return n, true
			}
		}
	}
	return 0, false
}

// elsewhere reports whether another m-line, or the other side, uses n with another
// meaning. Both are allowed, and both confuse devices.
func (a *Agent) elsewhere(n uint8, c sdp.Codec) bool {
	for _, s := range a.slots {
		for _, t := range s.kinds {
			if !t.ours.fits(n, c) || !t.theirs.fits(n, c) {
				return true
			}
		}
	}
	return false
}

// payloadNumber reads a payload number from an attribute.
func payloadNumber(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 7)
	return uint8(n), err == nil
}

func dynamic(n uint8) bool { return n >= 96 && n < 128 || n >= 35 && n < 64 }
