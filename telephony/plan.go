package telephony

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/peers"
	"tandem/rtc/policy"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/telephony/cdr"
	"tandem/telephony/dialplan"
	"tandem/telephony/diversion"
	"tandem/telephony/feature"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/number"
	"tandem/telephony/settings"
)

// Settings are what calls need to know of a user.
type Settings struct {
	AOR     rtc.AOR
	Display string
	Number  string // E.164 with '+', shown to trunks; "" when the user has none
	Groups  []string
	Site    string
}

// Users is what the plan needs of the directory. Its methods take no lock and
// do not wait.
type Users interface {
	// Ours reports whether a host is a domain or address of this server.
	Ours(host []byte, port uint16) bool
	// User finds an enabled user by an address in one of our domains.
	User(address rtc.AOR) (Settings, bool)
	// Number finds the enabled user who owns a number, in E.164 with '+'.
	Number(number string) (Settings, bool)
}

// Policy says who may do what. An Engine of rtc/policy is one.
type Policy interface {
	May(who policy.Subject, what policy.Question) policy.Decision
}

// Reach says how the devices of a user are reached.
type Reach interface {
	Ways(aor rtc.AOR, want reach.Want) []reach.Way
}

// Plan decides where calls go. It implements Router.
type Plan struct {
	Users   Users
	Numbers func(site string) *number.Plan // how numbers are dialled at a site; "" is the default one
	Policy  Policy
	Reach   Reach
	Trunks  func() *gateways.Table
	PeerAt  func(netip.AddrPort) string // the name of the peer whose address it is, "" for nobody's
	// Led is the trunk whose registration led a request here, "" for none; nil:
	// none ever does.
	Led    func(uri sip.URI, from netip.AddrPort) string
	Domain string // the default domain
	// Emergency is how emergency calls leave a site; nil: as other calls do.
	Emergency func(site string) Emergency
	Groups    Groups                      // nil: there are none
	Rules     *dialplan.Rules             // for what is dialled; nil: none
	Guard     *guard.Guard                // bounds calls outside; nil: nothing does
	Refused   func(Refusal)               // is told of calls that are not allowed; it must be quick; nil: nobody
	Settings  func(rtc.AOR) settings.User // how a user wants to be called; nil: nobody has set anything
	AllCalls  bool                        // calls between users go through the exchange, too
}

// Route is where a call goes, and whose it is.
type Route struct {
	Rounds          rounds
	caller          party
	trunk           *gateways.Trunk // by which it came, nil for a user's call
	dialled, number string
	called          rtc.AOR
	device          string // instance of the one device that is meant (a GRUU), "" for all
	calledName      string // display name of the user called
	calledNumber    string // the number the user called shows
	payer           rtc.AOR
	kind            string       // of the number
	rings           Settings     // the user whose phones ring, and who may send the call on
	group           *group.Group // whose members ring, nil when it is not a group's call
	code            feature.Code // of a service that was dialled
	auto            bool         // the phone is to answer by itself
	emergency       bool
	location        string          // of the site, for an emergency call
	chain           diversion.Chain // who has sent it on
	want            media.Want      // of the caller's side
}

func (t Route) record(id, callID string, now time.Time) cdr.Record {
	r := cdr.Record{ID: id, State: cdr.Open, From: t.caller.user, Display: t.caller.name, To: t.dialled, Number: t.number,
		Called: t.called, Payer: t.payer, Kind: t.kind, Started: now}
	r.CallIDs[0] = callID
	if t.trunk != nil {
		r.Trunk, r.From = t.trunk.Name, rtc.AOR("tel:"+t.caller.number)
	}
	return r
}

// Route implements Router.
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
	return p.Trunks().ByName(r.Identity.Peer)
}

// outbound routes the call of a user, or of a trusted server for a user of ours.
func (p *Plan) outbound(r *rtc.Request, uri sip.URI) (Route, error) {
	route := Route{dialled: dialled(uri)}
	caller, known := p.caller(r.Identity)
	if known {
		route.caller, route.payer = p.partyOf(r.Message, caller), caller.AOR
	} else {
		route.caller = stranger(r.Message)
	}
	if code, ok := feature.Read(route.dialled); ok && known {
		return p.toService(route, caller, code)
	}
	if called, ok := p.user(uri); ok {
		if !p.AllCalls && p.settings(called.AOR).IsZero() && !p.settings(caller.AOR).Withhold {
			return route, rtc.Next
		}
		return p.toUser(route, called)
	}
	if g := p.group(uri); g != nil {
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
	route := Route{dialled: dialled(uri), payer: payer}
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
func (p *Plan) toWhom(route Route, caller Settings, uri sip.URI) (Route, error) {
	if called, ok := p.user(uri); ok {
		return p.toUser(route, called)
	}
	if g := p.group(uri); g != nil {
		return p.toGroup(route, g)
	}
	return p.toNumber(route, caller, uri)
}

// caller is the user that an identity is.
func (p *Plan) caller(id *rtc.Identity) (Settings, bool) {
	if id == nil || id.AOR == "" {
		return Settings{}, false
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

// inbound routes a call that comes from a trunk: to a user, nowhere else.
func (p *Plan) inbound(r *rtc.Request, uri sip.URI, trunk *gateways.Trunk) (Route, error) {
	route := Route{trunk: trunk, dialled: dialled(uri), caller: p.partyFrom(r.Message, trunk), chain: diversion.Read(r.Message)}
	if called, err := p.Numbers("").Subscriber(trunk.Received(calledThrough(trunk, r.Message, uri))); err == nil {
		if route.number = called.String(); !trunk.Owns(route.number) {
			return route, &rtc.Status{Code: 404}
		}
		if called, ok := p.Users.Number(route.number); ok {
			return p.toUser(route, called)
		}
		if p.Groups != nil {
			if g := p.Groups.Number(route.number); g != nil {
				return p.toGroup(route, g)
			}
		}
	}
	if called, ok := p.user(uri); ok {
		return p.toUser(route, called)
	}
	if g := p.group(uri); g != nil {
		return p.toGroup(route, g)
	}
	return route, &rtc.Status{Code: 404}
}

// calledThrough is the number called through a trunk as the trunk wrote it. One
// that this server registered with may call the address registered, and tell the
// number elsewhere.
func calledThrough(trunk *gateways.Trunk, m *sip.Message, uri sip.URI) string {
	user := dialled(uri)
	if trunk.Register != gateways.RegisterLine || user != trunk.User() {
		return user
	}
	for _, v := range [][]byte{m.GetName("P-Called-Party-ID"), m.Get(sip.HdrTo)} {
		if a, err := sip.ParseNameAddr(v); err == nil {
			if u, err := sip.ParseURI(a.URI); err == nil && dialled(u) != "" && dialled(u) != user {
				return dialled(u)
			}
		}
	}
	if len(trunk.Numbers) == 1 && !strings.HasSuffix(trunk.Numbers[0], "*") {
		return trunk.Numbers[0]
	}
	return user
}

// user finds the user whom a SIP URI of ours means.
func (p *Plan) user(uri sip.URI) (Settings, bool) {
	if uri.Kind == sip.URITel || uri.User == nil {
		return Settings{}, false
	}
	uri.Host, uri.Port = []byte(p.Domain), 0
	var buf [128]byte
	return p.Users.User(rtc.AOR(uri.AppendAOR(buf[:0])))
}

// maxDevices is how many ways of a user are tried.
const maxDevices = 32

// wayTo is a way as the INVITE takes it. A device that registered from the very
// host of a gateway is reached there by its flow.
func (p *Plan) wayTo(w reach.Way) dialog.Way {
	way := dialog.Way{URI: w.URI, Flow: w.Flow, By: w.From}
	if !way.By.IsValid() {
		way.By = peers.Unknown
	}
	if !w.Flow.IsZero() && p.PeerAt != nil {
		way.Peer = p.PeerAt(w.From)
	}
	for r := range sip.Elements([]byte(w.Path)) {
		way.Route = append(way.Route, string(r))
	}
	return way
}

// deviceWant is how the offer to a device is written: a browser takes nothing
// but DTLS and ICE; a phone on TLS may have its keys in SDP; others get no keys,
// which would be readable on the way.
func deviceWant(f transport.Flow) media.Want {
	if f.IsZero() {
		return media.Want{Security: media.SecurityNone, ICE: media.No}
	}
	switch proto := f.Proto(); {
	case proto == transport.WS || proto == transport.WSS:
		return media.Want{Security: media.SecurityDTLS, ICE: media.Yes}
	case proto.Secure():
		return media.Want{Security: media.SecurityOptional, ICE: media.No}
	}
	return media.Want{Security: media.SecurityNone, ICE: media.No}
}

// dialled is the user part of a URI, or the number of a tel URI, without
// parameters (RFC 3966, RFC 4694).
func dialled(u sip.URI) string {
	if u.Kind == sip.URIOther {
		return string(u.Scheme) + ":" + string(u.Opaque)
	}
	user, _, _ := strings.Cut(string(sip.AppendUnescaped(nil, u.User)), ";")
	return user
}

// party is a user as others see him.
func (s *Settings) party() party {
	return party{user: s.AOR, number: s.Number, name: s.Display, uri: string(s.AOR)}
}

// partyOf is a user as caller.
func (p *Plan) partyOf(m *sip.Message, s Settings) party {
	c := s.party()
	c.private = wantsPrivacy(m) || p.settings(s.AOR).Withhold && !privacyHas(m, "none")
	if from, ok := m.From(); ok && len(from.Display) > 0 && c.name == "" {
		c.name = unquoted(from.Display)
	}
	return c
}

// stranger is a caller who is no user, as From says.
func stranger(m *sip.Message) party {
	c := party{private: wantsPrivacy(m), uri: "sip:anonymous@anonymous.invalid"}
	if from, ok := m.From(); ok {
		c.name, c.uri = unquoted(from.Display), string(from.URI)
	}
	return c
}

// partyFrom is the caller whom a trunk names: in P-Asserted-Identity, else in
// From.
func (p *Plan) partyFrom(m *sip.Message, trunk *gateways.Trunk) party {
	c := party{private: wantsPrivacy(m)}
	addr, ok := m.From()
	if v := m.Get(sip.HdrPAssertedIdentity); v != nil {
		if a, err := sip.ParseNameAddr(v); err == nil {
			addr, ok = a, true
		}
	}
	if !ok {
		c.uri = "sip:anonymous@anonymous.invalid"
		return c
	}
	c.name = unquoted(addr.Display)
	u, err := sip.ParseURI(addr.URI)
	if err != nil {
		c.uri = "sip:anonymous@anonymous.invalid"
		return c
	}
	user := dialled(u)
	if n, err := p.Numbers("").Subscriber(trunk.Caller(user)); err == nil && n.Global() {
		c.number, user = n.String(), n.String()
	}
	if strings.EqualFold(string(u.Host), "anonymous.invalid") || user == "" {
		c.private = true
	}
	c.uri = "sip:" + user + "@" + p.Domain
	return c
}

// warning tells people why (RFC 3261 §20.43).
func warning(agent, text string) []byte {
	return []byte("Warning: 399 " + agent + ` "` + printable(text) + "\"\r\n")
}
