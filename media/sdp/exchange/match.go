package exchange

import (
	"slices"
	"strings"

	"tandem/media/sdp"
)

// pair means that a codec of one list is the same as a codec of the other.
type pair struct{ a, b int }

// match pairs the codecs of a with those of b that mean the same, in the order of a.
// Each of b is used once. A codec that refers to other numbers (rtx, red) is paired if
// those are. byNumber says that equal numbers count more than equal parameters, as in
// an answer.
func match(a, b []sdp.Codec, byNumber bool) []pair {
	pairs := make([]pair, 0, len(a))
	var numbers renumbering
	var room [24]candidate
	others := room[:0]
	for j := range b {
		others = append(others, candidate{&b[j], b[j].Canonical(), false})
	}
	take := func(i int, c sdp.Codec) {
		j := best(c, others, byNumber)
		if j < 0 {
			return
		}
		others[j].used = true
		numbers.set(a[i].PayloadType, b[j].PayloadType)
		pairs = append(pairs, pair{i, j})
	}
	for i, c := range a {
		if !references(c) {
			take(i, c)
		}
	}
	for i, c := range a {
		if references(c) {
			if c, ok := rebase(c, &numbers); ok {
				take(i, c)
			}
		}
	}
	slices.SortFunc(pairs, func(x, y pair) int { return x.a - y.a })
	return pairs
}

// candidate is a codec with which another may be paired.
type candidate struct {
	*sdp.Codec
	name string // canonical
	used bool
}

// best returns the codec that c means: preferably with the same parameters, and
// preferably with the same number.
func best(c sdp.Codec, others []candidate, byNumber bool) int {
	name := c.Canonical()
	found, score := -1, -1
	for j := range others {
		o := &others[j]
		if o.used || !strings.EqualFold(name, o.name) || !c.Same(*o.Codec) {
			continue
		}
		s := 0
		if c.Fmtp == o.Fmtp {
			s += 2
		}
		if c.PayloadType == o.PayloadType {
			s++
			if byNumber {
				s += 2
			}
		}
		if s > score {
			found, score = j, s
		}
	}
	return found
}

// named completes codecs without rtpmap by what their numbers meant before.
func named(list, before []sdp.Codec) []sdp.Codec {
	if !slices.ContainsFunc(list, func(c sdp.Codec) bool { return c.Name == "" }) {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		if list[i].Name != "" {
			continue
		}
		for _, c := range before {
			if c.PayloadType == list[i].PayloadType && c.Name != "" {
				list[i].Name, list[i].ClockRate, list[i].Channels = c.Name, c.ClockRate, c.Channels
				if list[i].Fmtp == "" {
					list[i].Fmtp = c.Fmtp
				}
			}
		}
	}
	return list
}
