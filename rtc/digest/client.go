package digest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"

	"tandem/rtc/sip"
)

// Login is a name and what proves it to a realm.
type Login struct {
	User     string
	Password string
	HA1      map[Algorithm][]byte // instead of Password: the hashes of user, realm and password
}

func (l *Login) secret(a Algorithm, realm string) []byte {
	if h := l.HA1[a]; len(h) == a.Size() {
		return h
	}
	if l.Password == "" {
		return nil
	}
	return a.ha1(l.User, realm, l.Password)
}

// Client answers challenges (RFC 3261 §22.2, §22.3). It keeps what it was
// challenged with, so that later requests carry credentials from the start. It
// may be shared by many calls to one server, on different lanes.
type Client struct {
	logins func(realm string) (Login, bool)

	mu   sync.Mutex
	held []held
}

// held is a challenge and the use made of it.
type held struct {
	challenge
	user   string
	ha1    []byte
	cnonce string
	count  uint32
}

// maxHeld is how many realms one client answers.
const maxHeld = 8

// NewClient makes a client. logins finds the login for a realm; false leaves
// its challenges unanswered.
func NewClient(logins func(realm string) (Login, bool)) *Client { return &Client{logins: logins} }

// One is a NewClient with the same login for every realm.
func One(l Login) *Client {
	return NewClient(func(string) (Login, bool) { return l, true })
}

// Challenged takes the challenges of a 401 or 407 and reports whether the
// request is worth repeating with what Append then gives. again says that this
// request was challenged before: a realm that refuses the credentials made for
// its last challenge refuses the login, unless it calls the nonce stale.
func (c *Client) Challenged(m *sip.Message, again bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var seen []challenge // realms that are settled by an earlier line of this response
	taken := false
	for _, id := range [...]sip.HeaderID{sip.HdrWWWAuthenticate, sip.HdrProxyAuthenticate} {
		for ch, ok := range challenges(m, id) {
			if !ok || slices.ContainsFunc(seen, ch.like) {
				continue
			}
			h, ok := c.answerable(ch)
			if !ok {
				continue
			}
			seen = append(seen, ch) // RFC 8760 §2.4: the first that we can answer
			i := slices.IndexFunc(c.held, func(h held) bool { return h.like(ch) })
			switch {
			case i >= 0 && again && !ch.stale:
				return false
			case i >= 0:
				c.held[i] = h
			case len(c.held) < maxHeld:
				c.held = append(c.held, h)
			default:
				continue
			}
			taken = true
		}
	}
	return taken
}

// like reports whether two challenges are of one realm.
func (c challenge) like(o challenge) bool { return c.proxy == o.proxy && c.realm == o.realm }

func (c *Client) answerable(ch challenge) (held, bool) {
	l, ok := c.logins(string(sip.AppendUnquoted(nil, []byte(ch.realm))))
	if !ok {
		return held{}, false
	}
	ha1 := l.secret(ch.algorithm, ch.realm)
	return held{challenge: ch, user: l.User, ha1: ha1, cnonce: rand.Text()[:16]}, ha1 != nil
}

// Append appends Authorization and Proxy-Authorization lines for a request, of
// all realms that have challenged. Each call counts as one use of their nonces.
func (c *Client) Append(dst []byte, method string, uri, body []byte) []byte {
	if c == nil {
		return dst
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.held {
		dst = c.held[i].append(dst, method, uri, body)
	}
	return dst
}

func (h *held) append(dst []byte, method string, uri, body []byte) []byte {
	h.count++
	p := Proof{Algorithm: h.algorithm, Nonce: []byte(h.nonce), URI: uri}
	if h.qop != "" {
		p.QOP, p.Int = []byte(h.qop), h.qop == "auth-int"
		p.NC, p.CNonce = fmt.Appendf(nil, "%08x", h.count), []byte(h.cnonce)
	}
	text := p.Prepare(make([]byte, 0, 256), []byte(method), body, new(A2))
	if h.proxy {
		dst = append(dst, "Proxy-"...)
	}
	dst = fmt.Appendf(dst, `Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="`, escaped(h.user), h.realm, h.nonce, uri)
	dst = append(p.AppendResponse(dst, text, h.ha1), '"')
	if h.named {
		dst = append(append(dst, ", algorithm="...), h.algorithm.String()...)
	}
	if h.qop != "" {
		dst = fmt.Appendf(dst, `, qop=%s, nc=%s, cnonce="%s"`, h.qop, p.NC, h.cnonce)
	}
	if h.opaque != nil {
		dst = append(append(dst, ", opaque="...), h.opaque...)
	}
	return append(dst, "\r\n"...)
}

// escaped is text for a quoted string.
func escaped(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch s[i] {
		case '"', '\\':
			out = append(out, '\\')
		case '\r', '\n':
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}
