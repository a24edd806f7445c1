package telephony

import (
	"fmt"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Refer implements Router. A user may transfer to whom it may call. A trunk pays
// nothing, so that it may transfer to users alone.
func (p *Plan) Refer(by rtc.AOR, target string) (Route, error) {
	uri, ok := p.read(target)
	if !ok {
		return Route{}, &rtc.Status{Code: 403, Reason: "Not a Destination of This Server", Err: fmt.Errorf("a transfer to %q leaves this server", target)}
	}
	route := Route{dialled: dialled(uri), payer: by}
	if gr, ok := uri.Param("gr"); ok { // RFC 5627 §3.2
		route.device = string(sip.AppendUnescaped(nil, gr))
	}
	if called, ok := p.user(uri); ok {
		return p.toUser(route, called)
	}
	if g := p.group(uri); g != nil {
		return p.toGroup(route, g)
	}
	who, ok := p.Users.User(by)
	if !ok {
		if n, err := p.Numbers("").URI(uri); err == nil {
			if called, ok := p.Users.Number(n.String()); ok {
				return p.toUser(route, called)
			}
		}
		return route, &rtc.Status{Code: 403, Reason: "Transfers to Users Alone"}
	}
	if route, err := p.toNumber(route, who, uri); err != rtc.Next {
		return route, err
	}
	return route, &rtc.Status{Code: 404}
}

// Caller implements Router.
func (p *Plan) Caller(r *rtc.Request) (Route, error) {
	uri, perr := sip.ParseURI(r.RequestURI())
	if perr != nil {
		return Route{}, &rtc.Status{Code: perr.Code, Reason: perr.Reason}
	}
	if trunk := p.trunkOf(r, uri); trunk != nil {
		return Route{trunk: trunk, caller: p.partyFrom(r.Message, trunk)}, nil
	}
	caller, known := p.caller(r.Identity)
	if !known {
		return Route{}, &rtc.Status{Code: 403}
	}
	return Route{caller: p.partyOf(r.Message, caller), payer: caller.AOR}, nil
}

// party is whom the route leads to.
func (t Route) party() party {
	p := party{user: t.called, number: t.number, name: t.calledName, uri: string(t.target())}
	if p.number == "" {
		p.number = t.calledNumber
	}
	return p
}

// address is who it is, for people.
func (p party) address() string {
	switch {
	case p.user != "":
		return string(p.user)
	case p.number != "":
		return "tel:" + p.number
	}
	return p.uri
}

// connected are the header lines that tell a side whom it speaks with now: of
// RFC 3325, and of gateways and phones of old.
func (p party) connected() []byte {
	if p.private {
		return nil
	}
	who := p.nameAddr(p.uri)
	return []byte("P-Asserted-Identity: " + who + "\r\nRemote-Party-ID: " + who + ";party=called;screen=yes\r\n")
}
