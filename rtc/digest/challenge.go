package digest

import (
	"bytes"
	"iter"

	"tandem/rtc/sip"
)

// challenge is one line of WWW-Authenticate or Proxy-Authenticate that can be
// answered. Values are kept as spelled, without quotes: they are echoed and
// hashed so.
type challenge struct {
	proxy     bool
	realm     string
	nonce     string
	opaque    []byte // with quotes, nil when absent
	algorithm Algorithm
	named     bool   // the challenge names its algorithm
	qop       string // what to answer with, "" when none is offered
	stale     bool
}

// challenges yields those of the lines with an id, and whether each was understood;
// some servers write several into one line.
func challenges(m *sip.Message, id sip.HeaderID) iter.Seq2[challenge, bool] {
	return func(yield func(challenge, bool) bool) {
		for rest := range m.Lines(id) {
			for len(rest) > 0 {
				var v []byte
				v, rest = sip.CutCredentials(rest)
				if !yield(parseChallenge(v, id == sip.HdrProxyAuthenticate)) {
					return
				}
			}
		}
	}
}

// parseChallenge reads a value; false when it is of another scheme or asks for
// what this package does not know.
func parseChallenge(v []byte, proxy bool) (challenge, bool) {
	c := challenge{proxy: proxy, algorithm: MD5}
	cr, err := sip.ParseCredentials(v)
	if err != nil || !cr.Is("Digest") {
		return c, false
	}
	nonce, good := false, true
	err = cr.Each(func(name, value []byte) bool {
		plain := unquoted(value)
		switch {
		case sip.EqualFold(name, "realm"):
			c.realm = string(plain)
		case sip.EqualFold(name, "nonce"):
			c.nonce, nonce = string(plain), true
		case sip.EqualFold(name, "opaque"):
			c.opaque = bytes.Clone(value)
		case sip.EqualFold(name, "stale"):
			c.stale = sip.EqualFold(plain, "true")
		case sip.EqualFold(name, "algorithm"):
			c.algorithm, good = ParseAlgorithm(plain)
			c.named = true
		case sip.EqualFold(name, "qop"):
			c.qop, good = chooseQOP(plain)
		}
		return good
	})
	return c, err == nil && nonce && good
}

// chooseQOP takes auth when it is offered: a proxy may change a body, and auth-int
// would fail then.
func chooseQOP(offered []byte) (string, bool) {
	if len(offered) == 0 {
		return "", true
	}
	integrity := false
	for v := range bytes.SplitSeq(offered, []byte{','}) {
		v = bytes.TrimSpace(v)
		if sip.EqualFold(v, "auth") {
			return "auth", true
		}
		integrity = integrity || sip.EqualFold(v, "auth-int")
	}
	return "auth-int", integrity
}

func unquoted(v []byte) []byte {
	if len(v) > 1 && v[0] == '"' {
		return v[1 : len(v)-1]
	}
	return v
}
