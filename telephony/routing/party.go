package routing

import (
	"strings"

	"tandem/gateways"
	"tandem/rtc/sip"
	"tandem/telephony/identity"
)

// party is a user as others see him.
func (p *Plan) party(s User) identity.Party {
	return identity.Party{User: s.AOR, Number: s.Number, Name: s.Display, URI: string(s.AOR), Private: p.settings(s.AOR).Withhold}
}

// partyOf is a user as caller.
func (p *Plan) partyOf(m *sip.Message, s User) identity.Party {
	c := p.party(s)
	c.Private = identity.WantsPrivacy(m) || c.Private && !identity.PrivacyHas(m, "none")
	if n := p.preferred(m, s); n != "" {
		c.Number = n
	}
	if from, ok := m.From(); ok && len(from.Display) > 0 && c.Name == "" {
		c.Name = identity.Unquoted(from.Display)
	}
	return c
}

// preferred is which of his numbers a user wants to be shown with (RFC 3325 §9.2), ""
// when he names none of them.
func (p *Plan) preferred(m *sip.Message, s User) string {
	for v := range m.Values(sip.HdrPPreferredIdentity) {
		a, err := sip.ParseNameAddr(v)
		if err != nil {
			continue
		}
		uri, err := sip.ParseURI(a.URI)
		if err != nil {
			continue
		}
		if n, err := p.Numbers(s.Site).URI(uri); err == nil && n.Global() {
			if owner, ok := p.Users.Number(n.String()); ok && owner.AOR == s.AOR {
				return n.String()
			}
		}
	}
	return ""
}

// stranger is a caller who is no user, as From says.
func stranger(m *sip.Message) identity.Party {
	c := identity.Party{Private: identity.WantsPrivacy(m), URI: "sip:anonymous@anonymous.invalid"}
	if from, ok := m.From(); ok {
		c.Name, c.URI = identity.Unquoted(from.Display), string(from.URI)
	}
	return c
}

// partyFrom is the caller whom a trunk names: in P-Asserted-Identity, else in
// Remote-Party-ID, as gateways of old do (draft-ietf-sip-privacy-04), else in From.
// The number is made E.164 by the trunk's country.
func (p *Plan) partyFrom(m *sip.Message, trunk *gateways.Trunk) identity.Party {
	c := identity.Party{Private: identity.WantsPrivacy(m)}
	addr, ok := m.From()
	if v := m.Get(sip.HdrPAssertedIdentity); v != nil {
		if a, err := sip.ParseNameAddr(v); err == nil {
			addr, ok = a, true
		}
	} else if a, private, there := remoteParty(m); there {
		addr, ok = a, true
		c.Private = c.Private || private
	}
	if !ok {
		c.URI = "sip:anonymous@anonymous.invalid"
		return c
	}
	c.Name = identity.Unquoted(addr.Display)
	u, err := sip.ParseURI(addr.URI)
	if err != nil {
		c.URI = "sip:anonymous@anonymous.invalid"
		return c
	}
	user := Dialled(u)
	if n, err := p.abroad(trunk).Subscriber(trunk.Caller(written(u))); err == nil && n.Global() {
		c.Number, user = n.String(), n.String()
	}
	if strings.EqualFold(string(u.Host), "anonymous.invalid") || user == "" {
		c.Private = true
	}
	c.URI = "sip:" + user + "@" + p.Domain
	return c
}

// remoteParty is the caller in Remote-Party-ID, and whether it may not be shown.
func remoteParty(m *sip.Message) (a sip.NameAddr, private, there bool) {
	v := m.Get(sip.HdrRemotePartyID)
	if v == nil {
		return a, false, false
	}
	a, err := sip.ParseNameAddr(v)
	if party, named := a.Param("party"); err != nil || named && !sip.EqualFold(party, "calling") {
		return a, false, false
	}
	privacy, _ := a.Param("privacy")
	for word := range strings.SplitSeq(string(privacy), "-") {
		private = private || word != "" && !strings.EqualFold(word, "off")
	}
	return a, private, true
}
