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
	// Name identifies the route in lists and logs.
	Name string `yaml:"name" json:"name"`
	// Match says which requests the route is for. All of its conditions must hold.
	Match Match `yaml:"match" json:"match"`
	// NextHop is a SIP URI, or a list of them tried in order:
	// "sip:gw.example.com:5060;transport=tcp".
	NextHop Hops `yaml:"next_hop" json:"next_hop"`
	// Trusted next hops get P-Asserted-Identity even when the caller wants privacy (RFC
	// 3325 §7).
	Trusted bool `yaml:"trusted,omitempty" json:"trusted,omitempty"`

	// Strip and Add are for routes for numbers: how many digits are removed from the
	// front of the number, and what is put there.
	Strip int    `yaml:"strip,omitempty" json:"-"`
	Add   string `yaml:"add,omitempty" json:"-"`
}

// Match says which requests a Route is for. Empty fields match everything, but
// at least one must be set.
type Match struct {
	// Domain of the Request-URI: "example.net", or "*.example.net" for all below it.
	Domain string `yaml:"domain,omitempty" json:"domain,omitempty"`
	// Method of the request: "MESSAGE".
	Method string `yaml:"method,omitempty" json:"method,omitempty"`
	// Prefix of the numbers that the route is for; it excludes all other conditions.
	Prefix string `yaml:"prefix,omitempty" json:"-"`
}

// Numbers reports whether the route is for numbers. Old configuration files have such
// routes from before there were trunks; the server turns each into a trunk.
func (r *Route) Numbers() bool { return r.Match.Prefix != "" }

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
	list []route // the best match first
}

type route struct {
	Route
	hops []hop
}

type hop struct {
	raw string // as configured
	uri sip.URI
}

// Check returns an error that says what is wrong with a route and how to fix it.
func (r Route) Check() error {
	_, err := check(r)
	return err
}

// NewRoutes checks the routes and leaves out those for numbers, which the proxy does
// not handle. The error names the faulty route and how to fix it.
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
		if !c.Numbers() {
			r.list = append(r.list, checked)
		}
	}
	slices.SortStableFunc(r.list, func(a, b route) int { return b.weight() - a.weight() })
	return r, nil
}

func check(c Route) (route, error) {
	r := route{Route: c}
	r.Match.Domain = strings.ToLower(c.Match.Domain)
	switch {
	case c.Numbers() && (c.Match.Domain != "" || c.Match.Method != ""):
		return r, errors.New("a route with a prefix becomes a trunk, which knows no domain or method: leave those out, or make the trunk with: tandem trunks add")
	case !c.Numbers() && (c.Strip != 0 || c.Add != ""):
		return r, errors.New("strip and add change numbers, and need a prefix; see: tandem trunks add --help")
	case c.Match == Match{}:
		return r, errors.New("match is empty: set domain or method, such as match: {domain: example.net}")
	case len(c.NextHop) == 0:
		return r, errors.New("next_hop is empty: set a SIP URI such as sip:gw.example.com")
	}
	for _, s := range c.NextHop {
		u, err := sip.ParseURI([]byte(s))
		if err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS {
			return r, fmt.Errorf("next_hop %q is not a SIP URI such as sip:gw.example.com:5060;transport=tcp", s)
		}
		if u.Headers != nil {
			return r, fmt.Errorf("next_hop %q has headers: leave out what follows '?'", s)
		}
		r.hops = append(r.hops, hop{s, u})
	}
	return r, nil
}

// weight orders routes: longer domains first, then those with a method.
func (r *route) weight() int {
	w := 0
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

// peerName is the name of the route's next hops among the peers.
func (r *route) peerName() string { return "route " + r.Name }

// hosts returns the next hops as peers.
func (r *Routes) hosts() []peers.Peer {
	var list []peers.Peer
	for i := range r.list {
		c := &r.list[i]
		p := peers.Peer{Name: c.peerName()}
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

// List returns the routes in the order in which they are matched.
func (r *Routes) List() []Route {
	list := make([]Route, len(r.list))
	for i := range r.list {
		list[i] = r.list[i].Route
	}
	return list
}

// find returns the first route for a request with that Request-URI, or nil.
func (r *Routes) find(method []byte, u sip.URI) *route {
	if u.Kind == sip.URITel {
		return nil // the URI has no host that the copy could keep
	}
	for i := range r.list {
		c := &r.list[i]
		m := &c.Match
		if (m.Domain == "" || domainMatches(m.Domain, u.Host)) && (m.Method == "" || m.Method == string(method)) {
			return c
		}
	}
	return nil
}

func domainMatches(pattern string, host []byte) bool {
	if tail, ok := strings.CutPrefix(pattern, "*"); ok { // ".example.net"
		return len(host) > len(tail) && sip.EqualFold(host[len(host)-len(tail):], tail)
	}
	return sip.EqualFold(host, pattern)
}

// numberOf returns the number in a URI without its visual separators (RFC 3966 §3), or
// nil. It uses buf.
func numberOf(u sip.URI, buf []byte) []byte {
	user := u.User
	for i, c := range user { // parameters of the user part, such as ";phone-context=…"
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
