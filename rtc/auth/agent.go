package auth

import (
	"fmt"

	"tandem/rtc/sip"
)

// MD5Agents returns beginnings of the User-Agent values of clients that need a
// challenge with MD5 alone.
//
// baresip before 3.12 is such a client: its SIP library gives up ("Function not
// implemented") on the first challenge with an algorithm it does not know, though RFC
// 3261 §22.3 and RFC 8760 §2.4 allow it to skip that one and take the next.
func MD5Agents() []string {
	list := []string{"baresip v0.", "baresip v1.", "baresip v2."}
	for minor := range 12 {
		list = append(list, fmt.Sprintf("baresip v3.%d.", minor))
	}
	return list
}

// knowsMD5Only reports whether the directory has only MD5 hashes, taken from another
// server, for the user of an address, and not the password. The challenge then reveals
// that the user exists: that is the price of moving users without new passwords.
func (g *Gate) knowsMD5Only(aor []byte) bool {
	uri, err := sip.ParseURI(aor)
	if err != nil {
		return false
	}
	account, _ := g.cfg.Users.Lookup(uri.User, uri.Host)
	return account != nil && account.MD5Only()
}

// md5Only reports whether the sender of m is offered MD5 alone. A sender that lies
// about its name gains nothing by it: any client may choose MD5.
func (g *Gate) md5Only(m *sip.Message) bool {
	if !g.offers(MD5) {
		return false
	}
	return len(g.cfg.MD5Agents) > 0 && family(g.cfg.MD5Agents, m.Get(sip.HdrUserAgent)) >= 0 || g.cfg.MD5Only != nil && g.cfg.MD5Only(m)
}
