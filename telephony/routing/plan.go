// Package routing decides where calls go: to the devices of a user, the members of a
// group, a service of the server, or through trunks to a number; and where they are
// sent on when nobody takes them there.
//
// It owns the Plan, and the Route that it gives for a call. Who may call what it asks
// rtc/policy, what users want telephony/settings, which trunks there are gateways. It
// rings nobody: telephony leads the call along the Route.
package routing

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/policy"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/telephony/dialplan"
	"tandem/telephony/diversion"
	"tandem/telephony/feature"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/identity"
	"tandem/telephony/number"
	"tandem/telephony/settings"
)

// User is what calls need to know of a user.
type User struct {
	AOR     rtc.AOR
	Display string
	Number  string // E.164 with '+', shown to trunks; "" when the user has none
	// Extension is the short number within the site, "" when the user has none.
	Extension string
	Groups    []string
	Site      string
	Only      reach.Want // which of the devices the address or number called leads to; the zero value is all
}

// Users is what the plan needs of the directory. Its methods take no lock and
// do not wait.
type Users interface {
	// Ours reports whether a host is a domain or address of this server.
	Ours(host []byte, port uint16) bool
	// InDomain is a SIP URI of ours without a port, and in the first domain if it names an
	// address of this server.
	InDomain(uri sip.URI) sip.URI
	// User finds an enabled user by an address in one of our domains.
	User(address rtc.AOR) (User, bool)
	// Number finds the enabled user who owns a number, in E.164 with '+'.
	Number(number string) (User, bool)
	// Extension finds the enabled user who has an extension at a site or, if nobody there
	// has it, the one of those without a site.
	Extension(site, extension string) (User, bool)
	// Disabled reports whether a number, or an extension at a site or of nobody's site, is
	// that of a disabled user.
	Disabled(number, site, extension string) bool
}

// Policy says who may do what. An Engine of rtc/policy is one.
type Policy interface {
	May(who policy.Subject, what policy.Question) policy.Decision
}

// Reach says how the devices of a user are reached.
type Reach interface {
	Ways(aor rtc.AOR, want reach.Want) []reach.Way
}

// Plan decides where calls go. It implements Router of telephony.
type Plan struct {
	Users   Users
	Numbers func(site string) *number.Plan // how numbers are dialled at a site; "" is the default one
	// Countries is how numbers are written in a country, by its code of ISO 3166-1; nil,
	// or nil from it: as by Numbers.
	Countries func(country string) *number.Plan
	Policy    Policy
	Reach     Reach
	Trunks    func() *gateways.Table
	PeerAt    func(netip.AddrPort) string // the name of the peer whose address it is, "" for nobody's
	// Led is the trunk whose registration led a request here, "" for none; nil:
	// none ever does.
	Led func(uri sip.URI, from netip.AddrPort) string
	// Silent reports whether a next hop, a SIP URI, has not answered lately; it must be
	// quick; nil: none is known to.
	Silent func(uri string) bool
	Domain string // the default domain
	Enum   Enum   // what DNS says of numbers; nil: it is not asked
	// Emergency is how emergency calls leave a site; nil: as other calls do.
	Emergency func(site string) Emergency
	// Place is the site at which a phone stands, by the device secret it registered with;
	// "" when that is not known; nil: of none it is.
	Place    func(device string) string
	Groups   Groups                      // nil: there are none
	Rules    *dialplan.Rules             // for what is dialled; nil: none
	Guard    *guard.Guard                // bounds calls outside; nil: nothing does
	Refused  func(Refusal) error         // is told of calls that are not allowed, see Refusal.Tell; nil: nobody
	Settings func(rtc.AOR) settings.User // how a user wants to be called; nil: nobody has set anything
	Engaged  func(rtc.AOR) bool          // whether a user is in a call; nil: nobody is
	// TempGRUU finds whose device a temporary GRUU means (RFC 5627 §3.1.2); nil: nobody's.
	TempGRUU func(uri sip.URI) (aor rtc.AOR, instance string, ok bool)
	// Bars is what a caller is told whom a user has blocked, a *rtc.Status, and nil
	// for everybody else; it must be quick; nil: nobody is blocked.
	Bars     func(user rtc.AOR, caller identity.Party) error
	AllCalls bool // calls between users go through the exchange, too
}

// Route is where a call goes, and whose it is.
type Route struct {
	Rounds          Rounds
	Caller          identity.Party
	Trunk           *gateways.Trunk // by which it came, nil for a user's call
	Dialled, Number string
	Called          rtc.AOR
	device          string // instance of the one device that is meant (a GRUU), "" for all
	joins           bool   // it is to take over a call that the device has
	CalledName      string // display name of the user called
	CalledNumber    string // the number the user called shows
	CalledPrivate   bool   // the user called is shown to nobody
	Payer           rtc.AOR
	Paged           []Route      // to the phones that hear the caller of a page, one each
	Kind            string       // of the number
	Rings           User         // the user whose phones ring, and who may send the call on
	group           *group.Group // whose members ring, nil when it is not a group's call
	Code            feature.Code // of a service that was dialled
	Auto            bool         // the phone is to answer by itself
	Emergency       bool
	Location        string          // of the site, for an emergency call
	place           string          // the site at which the caller's phone stands, "" when nobody knows
	Chain           diversion.Chain // who has sent it on
	Want            media.Want      // of the caller's side
	Ask             bool            // Elsewhere says more of Number
	Inside          *guard.Toll     // counts a call to somebody of the house; nil: nobody does
	toll            *guard.Toll     // counts the calls outside
	log             *steps          // of a call that is only explained; nil for one that is made
}

// Route implements Router of telephony.
func (p *Plan) Route(r *rtc.Request) (Route, error) {
	uri, perr := sip.ParseURI(r.RequestURI())
	if perr != nil {
		return Route{}, &rtc.Status{Code: perr.Code, Reason: perr.Reason}
	}
	if uri.Kind != sip.URITel && uri.Kind != sip.URIOther && !p.Users.Ours(uri.Host, uri.Port) {
		return Route{}, rtc.Next // of another domain
	}
	if trunk := p.trunkOf(r, uri); trunk != nil {
		return p.inbound(r, uri, trunk)
	}
	return p.outbound(r, uri)
}

// trunkOf is the trunk that a request comes from, nil for anybody else's.
func (p *Plan) trunkOf(r *rtc.Request, uri sip.URI) *gateways.Trunk {
	if r.Identity == nil || r.Identity.Peer == "" {
		return nil
	}
	if p.Led != nil {
		if name := p.Led(uri, r.Source); name != "" {
			return p.Trunks().ByName(name)
		}
	}
	trunk := p.Trunks().ByName(r.Identity.Peer)
	if a, ok := r.FirstAddr(sip.HdrContact); ok && trunk != nil {
		if at, err := sip.ParseURI(a.URI); err == nil {
			if label, context, ok := groupIn(at); ok {
				return p.Trunks().Of(trunk, label, context)
			}
		}
	}
	return trunk
}

// outbound routes the call of a user, or of a trusted server for a user of ours.
func (p *Plan) outbound(r *rtc.Request, uri sip.URI) (Route, error) {
	route := Route{Dialled: Dialled(uri), joins: r.Has(sip.HdrReplaces)}
	uri, route.device = p.gruu(uri)
	if p.Place != nil && r.Identity != nil && r.Identity.Device != "" {
		route.place = p.Place(r.Identity.Device)
	}
	caller, known := p.caller(r.Identity)
	if known {
		route.Caller, route.Payer = p.partyOf(r.Message, caller), caller.AOR
	} else {
		route.Caller = stranger(r.Message)
	}
	if code, ok := feature.Read(route.Dialled); ok && known {
		route.Dialled = feature.Shown(route.Dialled)
		return p.toService(route, caller, code)
	}
	if called, ok := p.user(uri); ok {
		own := p.settings(caller.AOR)
		if !p.AllCalls && called.Only == (reach.Want{}) && p.settings(called.AOR).IsZero() && !own.Withhold && !own.NoWaiting && !p.Guard.Bounds(guard.Inside) {
			if route, err := p.inside(route, called.Extension); err != nil {
				return route, err
			}
			return route, rtc.Next
		}
		return p.toUser(route, called)
	}
	if g := p.group(caller.Site, uri); g != nil {
		return p.toGroup(route, g)
	}
	if !known {
		plan := p.Numbers("")
		if n, err := plan.URI(uri); err == nil && plan.Class(n) == number.ClassEmergency {
			return p.toEmergency(route, "", n)
		}
		return route, rtc.Next // whoever is no user calls no numbers
	}
	return p.toNumber(route, caller, uri)
}

// Toward implements Router.
func (p *Plan) Toward(payer rtc.AOR, target string) (Route, error) {
	who, ok := p.Users.User(payer)
	if !ok {
		return Route{}, &rtc.Status{Code: 403, Reason: "No Such Payer", Err: fmt.Errorf("no enabled user %s pays for the call", payer)}
	}
	uri, ok := p.read(target)
	if !ok {
		return Route{}, &rtc.Status{Code: 404, Err: fmt.Errorf("%q is not an address or number of this server", target)}
	}
	route := Route{Dialled: Dialled(uri), Payer: payer}
	uri, route.device = p.gruu(uri)
	if called, ok := p.user(uri); ok && called.AOR == payer {
		return p.toPhones(route, called) // whatever the user wants of calls of others
	}
	if route, err := p.toWhom(route, who, uri); err != rtc.Next {
		return route, err
	}
	return Route{}, &rtc.Status{Code: 404, Err: fmt.Errorf("%q is neither a user nor a number", target)}
}

// read is a target as people write it: an address with or without "sip:", a tel URI,
// a user's name, an extension, a number. It is false for what is not ours.
func (p *Plan) read(target string) (sip.URI, bool) {
	switch {
	case strings.Contains(target, ":"):
	case strings.Contains(target, "@"):
		target = "sip:" + target
	default:
		return sip.URI{Kind: sip.URISIP, User: []byte(target), Host: []byte(p.Domain)}, target != ""
	}
	uri, perr := sip.ParseURI([]byte(target))
	return uri, perr == nil && (uri.Kind == sip.URITel || p.Users.Ours(uri.Host, uri.Port))
}

// toWhom routes to the user, group or number of a URI, on behalf of a user.
func (p *Plan) toWhom(route Route, caller User, uri sip.URI) (Route, error) {
	if called, ok := p.user(uri); ok {
		return p.toUser(route, called)
	}
	if g := p.group(caller.Site, uri); g != nil {
		return p.toGroup(route, g)
	}
	return p.toNumber(route, caller, uri)
}

// caller is the user that an identity is.
func (p *Plan) caller(id *rtc.Identity) (User, bool) {
	if id == nil || id.AOR == "" {
		return User{}, false
	}
	return p.Users.User(id.AOR)
}

// unreadable is what is done with a Request-URI whose number cannot be read: a
// name is the business of others.
func unreadable(err error) error {
	switch {
	case errors.Is(err, number.ErrNotNumber):
		return rtc.Next
	case errors.Is(err, number.ErrTooShort):
		return &rtc.Status{Code: 484, Err: err}
	}
	return &rtc.Status{Code: 404, Err: err}
}

// Dialled is the user part of a URI, or the number of a tel URI, without
// parameters (RFC 3966, RFC 4694).
func Dialled(u sip.URI) string {
	if u.Kind == sip.URIOther {
		return string(u.Scheme) + ":" + string(u.Opaque)
	}
	user, _, _ := strings.Cut(string(sip.AppendUnescaped(nil, u.User)), ";")
	return user
}
