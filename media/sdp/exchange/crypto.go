package exchange

import (
	"fmt"
	"strings"

	"tandem/media/sdp"
)

// ChooseCrypto chooses the first offered line with a suite and parameters that we
// support, and pairs it with our key for that suite, under the same tag (RFC 4568
// §5.1.2).
func ChooseCrypto(offered, ours []sdp.Crypto) (Pair, bool) {
	for _, theirs := range offered {
		if !usable(theirs) {
			continue
		}
		for _, own := range ours {
			if sameSuite(own.Suite, theirs.Suite) {
				own.Tag, own.Suite = theirs.Tag, theirs.Suite
				return Pair{Ours: own, Theirs: theirs}, true
			}
		}
	}
	return Pair{}, false
}

// sameSuite compares names of suites; some phones write AES_CM_256 for
// RFC 6188's AES_256_CM.
func sameSuite(a, b string) bool {
	usual := func(s string) string { return strings.Replace(strings.ToUpper(s), "AES_CM_256_", "AES_256_CM_", 1) }
	return usual(a) == usual(b)
}

// answeredCrypto pairs the line of an answer with the one we offered. The tag should be
// ours; some devices always write 1, so a suite that was offered once is enough.
func answeredCrypto(ours, answered []sdp.Crypto) (Pair, bool) {
	for _, theirs := range answered {
		if !usable(theirs) {
			continue
		}
		var alike []sdp.Crypto
		for _, own := range ours {
			if !sameSuite(own.Suite, theirs.Suite) {
				continue
			}
			if own.Tag == theirs.Tag {
				return Pair{Ours: own, Theirs: theirs}, true
			}
			alike = append(alike, own)
		}
		if len(alike) == 1 {
			return Pair{Ours: alike[0], Theirs: theirs}, true
		}
	}
	return Pair{}, false
}

// usable reports whether the key is inline and no session parameter requires something
// unsupported. WSH and parameters with a leading dash may be ignored (RFC 4568 §6.3.7,
// §6.3.8).
func usable(c sdp.Crypto) bool {
	if len(c.Key) < 8 || !strings.EqualFold(c.Key[:7], "inline:") {
		return false
	}
	for _, p := range strings.Fields(c.Params) {
		if !strings.HasPrefix(p, "-") && !strings.HasPrefix(strings.ToUpper(p), "WSH=") {
			return false
		}
	}
	return true
}

func cryptoAttribute(c sdp.Crypto) sdp.Attribute {
	v := fmt.Sprintf("%d %s %s", c.Tag, c.Suite, c.Key)
	if c.Params != "" {
		v += " " + c.Params
	}
	return sdp.Attribute{Name: "crypto", Value: v}
}
