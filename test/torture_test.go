package test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/rtc/sip/torture"
	"tandem/test/harness"
)

// tortured is a message of the torture RFCs and what may come of it.
type tortured struct{ torture.Case }

func tortures() (list []tortured) {
	for _, c := range torture.All() {
		list = append(list, tortured{c})
	}
	return list
}

func (c tortured) method() string {
	m, _, _ := bytes.Cut(c.Bytes(), []byte(" "))
	return string(m)
}

// prepared is the message as if a tester on loopback had forwarded it: with a
// Via of its own on top, so that every answer stays on this machine.
func (c tortured) prepared(w *harness.Wire) (b []byte, branch string) {
	branch = "z9hG4bK" + harness.Unique()
	// What is bad about it must stand in the topmost Via.
	if c.Name == "badbranch" {
		branch = "z9hG4bK"
	}
	text := c.Bytes()
	end := bytes.Index(text, []byte("\r\n")) + 2
	via := fmt.Sprintf("Via: SIP/2.0/%s %s;rport;branch=%s\r\n", w.Proto, w.Local, branch)
	return slices.Concat(text[:end], []byte(via), text[end:]), branch
}

// result is what came of a message.
type result struct {
	code      int  // of the final answer, 0 for none
	forwarded bool // the other side got it
	closed    bool // the connection was closed
}

func (r result) String() string {
	return fmt.Sprintf("%d forwarded=%v closed=%v", r.code, r.forwarded, r.closed)
}

var codes = regexp.MustCompile(`\b[2-6]\d\d\b`)

// within reports whether the table's words allow a result.
func (r result) within(cell string) bool {
	if r.forwarded {
		return strings.Contains(cell, "forward") || strings.Contains(cell, "accept") || strings.Contains(cell, "process") ||
			strings.Contains(cell, "normalise") || strings.Contains(cell, "matching")
	}
	if r.code == 0 {
		return strings.Contains(cell, "discard") || strings.Contains(cell, "drop")
	}
	return slices.Contains(codes.FindAllString(cell, -1), strconv.Itoa(r.code))
}

// answerer answers 200 to all requests but ACK, and tells what came.
type answerer struct {
	*harness.Wire
	got chan []byte
}

func newAnswerer(t *testing.T) *answerer {
	return &answerer{harness.DialUDP(t, netip.AddrPort{}), make(chan []byte, 1024)}
}

// serve answers a server.
func (a *answerer) serve(t *testing.T, to netip.AddrPort) *answerer {
	a.To = to
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range a.In {
			m := new(sip.Message)
			if m.Parse(b) != nil || !m.IsRequest() || m.Method() == sip.ACK {
				continue
			}
			select {
			case a.got <- b:
			default: // nobody looks
			}
			_ = a.Write(sip.AppendResponse(nil, m, sip.Response{Code: 200, ToTag: "callee"}))
		}
	}()
	t.Cleanup(func() { a.Close(); <-done })
	return a
}

// beside is another one, who tells the same listener: a user's phone where a is
// the gateway.
func (a *answerer) beside(t *testing.T) *answerer {
	return (&answerer{harness.DialUDP(t, netip.AddrPort{}), a.got}).serve(t, a.To)
}

// try sends one and tells what came of it.
func (c tortured) try(t *testing.T, w *harness.Wire, a *answerer) result {
	t.Helper()
	b, branch := c.prepared(w)
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	var res result
	limit := harness.Patience
	switch {
	case c.Response() || c.Proxy == "discard" || strings.HasPrefix(c.Proxy, "drop"):
		if err := w.Probe(harness.Patience); err != nil {
			t.Fatalf("not alive after it: %v", err)
		}
		limit = 50 * time.Millisecond
	case strings.Contains(c.Proxy, "discard") || strings.Contains(c.Proxy, "drop"): // or an answer
		limit = 3 * time.Second
	}
	for end := time.Now().Add(limit); ; {
		m, err := w.Next(50*time.Millisecond, func(m *sip.Message) bool {
			return !m.IsRequest() && m.StatusCode() >= 200 && bytes.Contains(m.Get(sip.HdrVia), []byte(branch))
		})
		for len(a.got) > 0 {
			res.forwarded = bytes.Contains(<-a.got, []byte(branch)) || res.forwarded
		}
		if err == nil {
			res.code = m.StatusCode()
		}
		if res.closed = err == harness.ErrGone; err != harness.ErrQuiet || res.forwarded || time.Now().After(end) {
			return res
		}
	}
}

// roleOf is a way to meet a torture message.
type roleOf struct {
	name     string
	listener string
	ours     bool // the domains of the messages are ours
	trusted  bool
}

var roles = []roleOf{
	{"proxy to our domain, sender unknown", "udp", true, false},
	{"proxy to our domain, sender trusted", "trusted", true, true},
	{"proxy to another domain, sender unknown", "udp", false, false},
	{"proxy to another domain, sender trusted", "trusted", false, true},
}

// startTortured starts a server on which every message has somebody to go to.
func startTortured(t *testing.T, ours bool, a *answerer) *harness.Rig {
	var routes []string
	for _, c := range tortures() {
		routes = append(routes, c.method())
	}
	slices.Sort(routes)
	r := harness.StartServer(t, func(cfg *config.Config) {
		cfg.DNS.Servers = []string{harness.Nameserver(t, a.Local.Port())}
		cfg.Routes = harness.CatchAll(a.Local, slices.Compact(routes)...)
		if ours {
			cfg.Domains, cfg.Auth.AllowForeign = torture.Domains, true
		}
	})
	if !ours {
		return r
	}
	for _, d := range torture.Domains {
		for _, u := range torture.Users {
			aor, err := r.S.Directory().ParseAOR(u + "@" + d)
			if err == nil {
				r.User(string(aor))
			} else if d == torture.Domains[0] {
				t.Logf("no user can be called %s: %v", u, err)
			}
		}
	}
	return r
}

// verdict checks a result against the table.
func (c tortured) verdict(t *testing.T, role roleOf, got result) {
	t.Helper()
	cell := c.Proxy
	if c.Response() { // a response that nobody here waits for
		cell = "discard"
	}
	register := c.method() == "REGISTER"
	switch {
	case register && role.ours && c.Registrar != "":
		cell = c.Registrar
	case register && role.ours:
		cell += " 200 404" // it has no word on registrars; RFC 5118's are for hosts not ours
	}
	if got.within(cell) {
		return
	}
	passes := result{forwarded: true}.within(cell) || register && role.ours // §10.3: To and Contact are read last
	switch {
	case register && role.trusted && got.code == 200 && cell == "401 new challenge (or ignore)": // ignored
		return
	case c.Name == "unksm2" && got.code == 400: // its sender could not be asked for credentials
		return
	case passes && !role.trusted && (got.code == 401 || got.code == 407 || got.code == 403): // who are you?
		return
	case passes && role.ours && (got.code == 404 || got.code == 480) && c.special(got): // nobody of that name
		return
	}
	t.Errorf("%s by %s: %s; the table says %q", c.Name, role.name, got, cell)
}

// special are those whose user part no user can have here, or whose user has
// no phone.
func (c tortured) special(got result) bool {
	switch c.Name {
	case "intmeth", "esc01", "esc02", "semiuri", "escnull":
		return got.code == 404
	}
	return false
}

func TestTorture(t *testing.T) {
	for _, role := range roles {
		t.Run(role.name, func(t *testing.T) {
			a := newAnswerer(t)
			r := startTortured(t, role.ours, a)
			phone := a.serve(t, r.Addr["udp"]).beside(t)
			tally := map[string]int{}
			for _, c := range tortures() {
				if role.ours && c.method() != "REGISTER" {
					bind(r, t, phone)
				}
				t.Run(c.Name, func(t *testing.T) {
					w, a := r.Dial(t, role.listener), a
					if c.Name == "mpart01" && role.trusted {
						if a = routed(t, r); a == nil {
							t.Log("port 5080, to which its Route leads, is taken: whether it is forwarded cannot be seen")
							return
						}
					}
					got := c.try(t, w, a)
					c.verdict(t, role, got)
					t.Log(got)
					tally[got.String()]++
					w.Alive()
				})
			}
			t.Logf("%v", tally)
		})
	}
}

// bind lets the users of the torture messages be reached at a.
func bind(r *harness.Rig, t *testing.T, a *answerer) {
	t.Helper()
	w := r.Dial(t, "trusted")
	defer w.Close()
	for _, u := range r.S.Directory().Users() {
		id := harness.Unique()
		w.Send(fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nFrom: <%s>;tag=1\nTo: <%s>\nCall-ID: %s\nCSeq: %d REGISTER\nContact: <sip:%s>\nContent-Length: 0\n",
			u.AOR.Domain(), w.Via(), u.AOR, u.AOR, id, 1, a.Local))
		if m := w.Final(id, "REGISTER"); m.StatusCode() != 200 {
			t.Fatalf("binding %s:\n%s", u.AOR, m.Bytes())
		}
	}
}

// routed answers at 127.0.0.1:5080, where the Route of one message leads; nil
// when somebody else is there.
func routed(t *testing.T, r *harness.Rig) *answerer {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5080})
	if err != nil {
		return nil
	}
	to := r.Addr["udp"]
	return (&answerer{harness.OverUDP(t, c, to), make(chan []byte, 1024)}).serve(t, to)
}

// Over TCP every message whose own Via says so, and those whose length is wrong,
// after which the stream cannot be followed: they are answered, then it ends.
func TestTortureStream(t *testing.T) {
	a := newAnswerer(t)
	r := startTortured(t, true, a)
	bind(r, t, a.serve(t, r.Addr["udp"]).beside(t))
	role := roleOf{"proxy to our domain over TCP", "trusted-tcp", true, true}
	n := 0
	for _, c := range tortures() {
		ends := c.Name == "mcl01" || c.Name == "ncl" || c.Name == "clerr"
		if c.Via == "UDP" && !ends {
			continue
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			w := r.Dial(t, role.listener)
			if c.Name == "clerr" { // its end is the only way to see that there is not more
				shutWrite(t, w, c)
			} else {
				c.verdict(t, role, c.try(t, w, a))
			}
			if !ends {
				w.Alive()
				return
			}
			if _, err := w.Next(harness.Patience, func(*sip.Message) bool { return false }); err != harness.ErrGone {
				t.Errorf("the connection stays open: %v", err)
			}
			r.Dial(t, role.listener).Alive()
		})
	}
	if n != 13 {
		t.Errorf("%d messages", n)
	}
}

// shutWrite sends one and ends our side of the stream.
func shutWrite(t *testing.T, w *harness.Wire, c tortured) {
	t.Helper()
	b, _ := c.prepared(w)
	if err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	w.Half()
	m, err := w.Next(harness.Patience, func(m *sip.Message) bool { return !m.IsRequest() })
	if err != nil || m.StatusCode() != 400 {
		t.Errorf("%v %v", m, err)
	}
}
