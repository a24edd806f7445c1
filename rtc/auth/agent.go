package auth

import (
	"fmt"

	"tandem/rtc/sip"
)

// MD5Agents are the agents known to need a challenge with MD5 alone.
//
// baresip before 3.12: its SIP library gives up ("Function not implemented") on
// the first challenge with an algorithm it does not know, though RFC 3261 §22.3
// and RFC 8760 §2.4 let it skip that one and take the next.
func MD5Agents() []string {
	list := []string{"baresip v0.", "baresip v1.", "baresip v2."}
	for minor := range 12 {
		list = append(list, fmt.Sprintf("baresip v3.%d.", minor))
	}
	return list
}

// knowsMD5Only reports whether of the user of an address no password is known, but
// MD5 hashes of one from another server. That it shows he exists is the price of
// moving without new passwords.
func (g *Gate) knowsMD5Only(aor []byte) bool {
	uri, err := sip.ParseURI(aor)
	if err != nil {
		return false
	}
	account, _ := g.cfg.Users.Lookup(uri.User, uri.Host)
	return account != nil && account.MD5Only()
}

// md5Only is whether the sender of m is to be offered MD5 alone. That it can
// lie about its name gives it nothing: it may choose MD5 anyway.
func (g *Gate) md5Only(m *sip.Message) bool {
	if !g.offersMD5() {
		return false
	}
	return len(g.cfg.MD5Agents) > 0 && family(g.cfg.MD5Agents, m.Get(sip.HdrUserAgent)) >= 0 || g.cfg.MD5Only != nil && g.cfg.MD5Only(m)
}
