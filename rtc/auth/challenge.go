package auth

import (
	"net/netip"
	"strings"
	"time"

	"tandem/rtc/sip"
)

// realm is one of our domains with its challenges, complete except for the nonce.
type realm struct {
	name          string
	server, proxy []challenge // for 401 and for 407
	md5           *realm      // MD5 alone, for agents that fail on other algorithms
}

// challenge is one header line: before, nonce, after.
type challenge struct {
	before, after, afterStale string
}

// newRealm writes the challenges, one header line for each algorithm in the order
// offered (RFC 8760 §2.4). Common browser SIP stacks use only the last line and know
// only MD5, so MD5 belongs last; phones take the first algorithm they know.
func newRealm(name string, offer []Algorithm, qop string) *realm {
	r := &realm{name: name}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
	for _, a := range offer {
		after := `", algorithm=` + a.String()
		if qop != "" {
			after += `, qop="` + qop + `"`
		}
		c := challenge{
			before:     `Digest realm="` + quoted + `", nonce="`,
			after:      after + "\r\n",
			afterStale: after + ", stale=true\r\n",
		}
		r.server = append(r.server, c)
		c.before = "Proxy-Authenticate: " + c.before
		r.proxy = append(r.proxy, c)
	}
	for i := range r.server {
		r.server[i].before = "WWW-Authenticate: " + r.server[i].before
	}
	return r
}

// is reports whether host is the domain of this realm.
func (r *realm) is(host []byte) bool { return sip.EqualFold(host, r.name) }

// appendChallenge appends the header lines that ask for credentials.
func (g *Gate) appendChallenge(dst []byte, r *realm, proxy, stale bool, where netip.Addr, now time.Time) []byte {
	var buf [nonceLen]byte
	nonce := g.nonces.append(buf[:0], where, now)
	lines := r.server
	if proxy {
		lines = r.proxy
	}
	for i := range lines {
		c := &lines[i]
		dst = append(dst, c.before...)
		dst = append(dst, nonce...)
		if stale {
			dst = append(dst, c.afterStale...)
		} else {
			dst = append(dst, c.after...)
		}
	}
	return dst
}
