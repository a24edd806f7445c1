package routing

import (
	"bytes"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/number"
)

// gruu is the instance of the one device that a URI means, if it is a GRUU (RFC 5627 §3.2),
// "" for all of a user; and the URI of its user, whom a temporary one does not tell.
func (p *Plan) gruu(uri sip.URI) (sip.URI, string) {
	if p.TempGRUU != nil {
		if aor, instance, ok := p.TempGRUU(uri); ok {
			if of, err := sip.ParseURI([]byte(aor)); err == nil {
				return of, instance
			}
		}
	}
	gr, _ := uri.Param("gr")
	return uri, string(sip.AppendUnescaped(nil, gr))
}

// whatever reports whether a call rings the one device it is for whatever its user has set:
// one of that user himself, or one that takes over a call which the device has (RFC 3891).
func (t *Route) whatever(called User) bool {
	return t.device != "" && (t.joins || t.Payer == called.AOR)
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
