package routing

import (
	"bytes"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/number"
)

// deviceOf is the instance of the one device that a URI means: that of a GRUU (RFC 5627
// §3.2). "" is all of a user.
func deviceOf(uri sip.URI) string {
	gr, _ := uri.Param("gr")
	return string(sip.AppendUnescaped(nil, gr))
}

// user finds the user whom a SIP URI of ours means.
func (p *Plan) user(uri sip.URI) (User, bool) {
	if uri.Kind == sip.URITel || uri.User == nil {
		return User{}, false
	}
	var buf [128]byte
	called, ok := p.Users.User(rtc.AOR(p.Users.InDomain(uri).AppendAOR(buf[:0])))
	if !ok && short(uri) {
		uri.Host, uri.Port = []byte(p.Domain), 0
		called, ok = p.Users.User(rtc.AOR(uri.AppendAOR(buf[:0])))
	}
	return called, ok
}

// short reports whether a URI has digits for a name: those are good in every domain, if
// nobody in it has them, since phones write their own domain behind what is dialled.
func short(uri sip.URI) bool {
	return len(uri.User) > 0 && len(bytes.Trim(uri.User, "0123456789")) == 0
}

// userAt finds the user whom a URI of ours means to somebody at a site: by address, or
// by the extension or number dialled. A number for help is nobody's.
func (p *Plan) userAt(site string, uri sip.URI) (User, bool) {
	if called, ok := p.user(uri); ok {
		return called, true
	}
	plan := p.Numbers(site)
	n, err := plan.URI(uri)
	if err == nil && plan.Class(n) == number.ClassEmergency {
		return User{}, false
	}
	if called, ok := p.Users.Extension(site, Dialled(uri)); ok || err != nil {
		return called, ok
	}
	return p.Users.Number(n.String())
}
