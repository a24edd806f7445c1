package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/rtc/peers"
	"tandem/rtc/sip"
)

// Route is a static route: requests that match go to its next hop.
type Route struct {
	// Name is how the route is called in lists and logs.
	Name string `yaml:"name" json:"name"`
	// Match says for which requests the route is. All of it must hold.
	Match Match `yaml:"match" json:"match"`
	// NextHop is a SIP URI, or a list of them tried in order:
	// "sip:gw.example.com:5060;transport=tcp".
	NextHop Hops `yaml:"next_hop" json:"next_hop"`
	// Strip removes that many characters from the front of a number ('+' counts).
	Strip int `yaml:"strip,omitempty" json:"strip,omitempty"`
	// Add is put in front of the number after Strip.
	Add string `yaml:"add,omitempty" json:"add,omitempty"`
	// Trusted next hops are told P-Asserted-Identity also of callers who want
	// privacy (RFC 3325 §7).
	Trusted bool `yaml:"trusted,omitempty" json:"trusted,omitempty"`
}

// Match says which requests a Route is for. Empty fields match everything, but
// at least one must be set.
type Match struct {
	// Prefix of the number in the Request-URI, "+49" or "0"; "*" is any number.
	// The longest matching prefix wins.
	Prefix string `yaml:"prefix,omitempty" json:"prefix,omitempty"`
	// Domain of the Request-URI: "example.net", or "*.example.net" for all below it.
	Domain string `yaml:"domain,omitempty" json:"domain,omitempty"`
	// Method of the request: "MESSAGE".
	Method string `yaml:"method,omitempty" json:"method,omitempty"`
}

// Hops are next hops in the order to try; in YAML one URI or a list.
type Hops []string

// UnmarshalYAML accepts a scalar as well as a list.
func (h *Hops) UnmarshalYAML(read func(any) error) error {
	var one string
	if err := read(&one); err == nil {
		*h = Hops{one}
		return nil
	}
	return read((*[]string)(h))
}

// Routes are checked static routes, ready for use. The zero value has none.
type Routes struct {
	list []route // best match first
}

type route struct {
	Route
	hops []hop
}

type hop struct {
	raw string // as configured
	uri sip.URI
}

// NewRoutes checks routes. The error names the route at fault and what to do.
func NewRoutes(list []Route) (*Routes, error) {
	r := new(Routes)
	for i, c := range list {
		if c.Name == "" {
			c.Name = fmt.Sprintf("route %d", i+1)
		}
		checked, err := check(c)
		if err != nil {
			return nil, fmt.Errorf("static route %q: %w", c.Name, err)
		}
		r.list = append(r.list, checked)
	}
	slices.SortStableFunc(r.list, func(a, b route) int { return b.weight() - a.weight() })
	return r, nil
}

func check(c Route) (route, error) {
	r := route{Route: c}
	r.Match.Domain = strings.ToLower(c.Match.Domain)
	switch {
	case c.Match == Match{}:
		return r, errors.New("match is empty: set prefix, domain or method")
	case len(c.NextHop) == 0:
		return r, errors.New("next_hop is empty: set a SIP URI")
	case c.Strip < 0:
		return r, errors.New("strip is negative")
	case c.Match.Prefix != "" && c.Match.Prefix != "*" && !isNumber([]byte(c.Match.Prefix)):
		return r, fmt.Errorf("prefix %q is no beginning of a number", c.Match.Prefix)
	case c.Match.Prefix == "" && (c.Strip > 0 || c.Add != ""):
		return r, errors.New("strip and add need a prefix")
	case c.Add != "" && !isNumber([]byte(c.Add)):
		return r, fmt.Errorf("add %q is no beginning of a number", c.Add)
	}
	for _, s := range c.NextHop {
		u, err := sip.ParseURI([]byte(s))
		if err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS {
			return r, fmt.Errorf("next_hop %q is no SIP URI such as sip:gw.example.com:5060;transport=tcp", s)
		}
		if u.Headers != nil {
			return r, fmt.Errorf("next_hop %q has headers: leave out what follows '?'", s)
		}
		r.hops = append(r.hops, hop{s, u})
	}
	return r, nil
}

// weight orders routes: the longer number first, then the longer domain, then the method.
func (r *route) weight() int {
	w := 0
	switch r.Match.Prefix {
	case "":
	case "*":
		w += 1 << 20
	default:
		w += (1 + len(r.Match.Prefix)) << 20
	}
	switch d := r.Match.Domain; {
	case d == "":
	case strings.HasPrefix(d, "*."):
		w += len(d) << 4
	default:
		w += len(d)<<4 + 1<<13
	}
	if r.Match.Method != "" {
		w++
	}
	return w
}

// prefixPeer begins the names of the peers that prefix routes lead to.
const prefixPeer = "prefix route "

// peerName is how the route's next hops are called among the peers.
func (r *route) peerName() string {
	if r.Match.Prefix != "" {
		return prefixPeer + r.Name
	}
	return "route " + r.Name
}

// hosts are the next hops as peers. Those of prefix routes are gateways.
func (r *Routes) hosts() []peers.Peer {
	var list []peers.Peer
	for i := range r.list {
		c := &r.list[i]
		p := peers.Peer{Name: c.peerName(), Gateway: c.Match.Prefix != ""}
		for _, h := range c.hops {
			p.Hosts = append(p.Hosts, hostPort(h.uri.Host, h.uri.Port))
			if maddr, ok := h.uri.Param("maddr"); ok {
				p.Hosts = append(p.Hosts, hostPort(maddr, h.uri.Port))
			}
		}
		list = append(list, p)
	}
	return list
}

func hostPort(host []byte, port uint16) string {
	if port == 0 {
		return string(host)
	}
	return string(host) + ":" + strconv.Itoa(int(port))
}

// List returns the routes in the order in which they are asked.
func (r *Routes) List() []Route {
	list := make([]Route, len(r.list))
	for i := range r.list {
		list[i] = r.list[i].Route
	}
	return list
}

// find returns the first route for a request with that Request-URI, nil when
// there is none. number is the number in it, nil when it has none; ours is
// whether its domain is one of ours.
func (r *Routes) find(method []byte, u sip.URI, number []byte, ours bool) *route {
	for i := range r.list {
		c := &r.list[i]
		m := &c.Match
		switch {
		case m.Prefix == "" && u.Kind == sip.URITel:
			continue // it has no host that could stay
		case m.Prefix != "" && (number == nil || m.Prefix != "*" && !strings.HasPrefix(string(number), m.Prefix)):
			continue
		case m.Prefix != "" && m.Domain == "" && !ours && u.Kind != sip.URITel:
			continue // a number at somebody else's domain is his
		case m.Domain != "" && !domainMatches(m.Domain, u.Host):
			continue
		case m.Method != "" && m.Method != string(method):
			continue
		}
		return c
	}
	return nil
}

func domainMatches(pattern string, host []byte) bool {
	if tail, ok := strings.CutPrefix(pattern, "*"); ok { // ".example.net"
		return len(host) > len(tail) && sip.EqualFold(host[len(host)-len(tail):], tail)
	}
	return sip.EqualFold(host, pattern)
}

// target is the Request-URI for the route's next hop: the number (or user) at
// the hop's host, user parameters and user=phone kept.
func (c *route) target(u sip.URI, number []byte, h hop) string {
	b := append([]byte(nil), h.uri.Scheme...)
	b = append(b, ':')
	switch {
	case number != nil && c.Match.Prefix != "":
		b = append(b, c.Add...)
		b = append(b, number[min(c.Strip, len(number)):]...)
	default: // by domain or method alone: it is not ours to change
		return ""
	}
	b = append(b, '@')
	b = append(b, h.uri.Host...)
	if h.uri.Port != 0 {
		b = fmt.Appendf(b, ":%d", h.uri.Port)
	}
	b = sip.AppendParams(b, h.uri.Params, "lr")
	if v, ok := u.Param("user"); ok && sip.EqualFold(v, "phone") || u.Kind == sip.URITel {
		if _, has := h.uri.Param("user"); !has {
			b = append(b, ";user=phone"...)
		}
	}
	return string(b)
}

// numberOf is the number in a URI without its visual separators (RFC 3966 §3),
// nil when there is none. It uses buf.
func numberOf(u sip.URI, buf []byte) []byte {
	user := u.User
	for i, c := range user { // ";phone-context=…" and other parameters of the user
		if c == ';' {
			user = user[:i]
			break
		}
	}
	if !isNumber(user) {
		return nil
	}
	b := buf[:0]
	for _, c := range user {
		switch c {
		case '-', '.', '(', ')':
		default:
			b = append(b, c)
		}
	}
	if len(b) == 0 || string(b) == "+" {
		return nil
	}
	return b
}

func isNumber(b []byte) bool {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9', c == '-', c == '.', c == '(', c == ')', c == '*', c == '#':
		case c == '+' && i == 0:
		default:
			return false
		}
	}
	return len(b) > 0
}
