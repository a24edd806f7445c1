package wire

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Challenge is what a 401 or 407 asks for (RFC 7616).
type Challenge struct {
	Proxy                                bool // it came in Proxy-Authenticate
	Realm, Nonce, Algorithm, Opaque, QOP string
}

// Challenge returns the challenge of a response with an algorithm; "" is MD5.
func (m *Message) Challenge(algorithm string) (Challenge, error) {
	for _, f := range m.Fields {
		name := Canonical(f.Name)
		if name != "www-authenticate" && name != "proxy-authenticate" {
			continue
		}
		scheme, rest, _ := strings.Cut(f.Value, " ")
		if !strings.EqualFold(scheme, "Digest") {
			continue
		}
		c := Challenge{Proxy: name == "proxy-authenticate"}
		for _, p := range split(rest, ',') {
			k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			v = strings.Trim(v, `"`)
			switch strings.ToLower(k) {
			case "realm":
				c.Realm = v
			case "nonce":
				c.Nonce = v
			case "algorithm":
				c.Algorithm = v
			case "opaque":
				c.Opaque = v
			case "qop":
				c.QOP = v
			}
		}
		if strings.EqualFold(c.Algorithm, algorithm) || algorithm == "" && (c.Algorithm == "" || strings.EqualFold(c.Algorithm, "MD5")) {
			return c, nil
		}
	}
	return Challenge{}, fmt.Errorf("%s has no digest challenge with algorithm %q", m.Start, algorithm)
}

// Proof is what the response of a digest is made of. QOP "" is the form of
// RFC 2069, without nc and cnonce.
type Proof struct {
	User, Password, Method, URI, QOP, NC, CNonce string
}

// Response computes the response parameter.
func (c Challenge) Response(p Proof) string {
	sum := func(parts ...string) string {
		var h hash.Hash = md5.New()
		if strings.EqualFold(c.Algorithm, "SHA-256") {
			h = sha256.New()
		}
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
	a1, a2 := sum(p.User, c.Realm, p.Password), sum(p.Method, p.URI)
	if p.QOP == "" {
		return sum(a1, c.Nonce, a2)
	}
	return sum(a1, c.Nonce, p.NC, p.CNonce, p.QOP, a2)
}

// DigestParam is a parameter of a credentials line, with or without the name of
// the field in front of it.
func DigestParam(line, key string) string {
	i := strings.Index(strings.ToLower(line), "digest ")
	if i < 0 {
		return ""
	}
	for _, p := range split(line[i+len("digest "):], ',') {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(k, key) {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}
