package sdp

import (
	"strings"

	"tandem/media/format"
)

// Parameter returns one parameter of the codec's fmtp; its name may be in any case.
func (c Codec) Parameter(name string) (string, bool) {
	for part := range strings.SplitSeq(c.Fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// ParameterOr returns one parameter of the fmtp, or what holds when it is not there.
func (c Codec) ParameterOr(name, standard string) string {
	if v, ok := c.Parameter(name); ok {
		return v
	}
	return standard
}

// sameConfig compares the parameters of a format that must be the same on both sides.
func sameConfig(name string, a, b Codec) bool {
	if a.Fmtp == b.Fmtp {
		return true
	}
	f := format.Of(name)
	if f == nil {
		return true
	}
	for _, p := range f.Alike {
		x, y := a.ParameterOr(p.Name, p.Standard), b.ParameterOr(p.Name, p.Standard)
		if p.Normal != nil {
			x, y = p.Normal(x), p.Normal(y)
		}
		if !strings.EqualFold(x, y) {
			return false
		}
	}
	return true
}
