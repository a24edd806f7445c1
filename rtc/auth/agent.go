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

// md5Only is whether the sender of m is to be offered MD5 alone. That it can
// lie about its name gives it nothing: it may choose MD5 anyway.
func (g *Gate) md5Only(m *sip.Message) bool {
	if len(g.cfg.MD5Agents) == 0 || !g.offersMD5() {
		return false
	}
	return family(g.cfg.MD5Agents, m.Get(sip.HdrUserAgent)) >= 0
}
