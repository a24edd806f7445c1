package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// 503 and a dead port: the next place is tried, the resolver hears of it.
func TestFailover(t *testing.T) {
	r := newRig(t, nil)
	alice, one, two := r.udpUA("alice"), r.udpUA("one"), r.udpUA("two")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := closed.Addr().(*net.TCPAddr).AddrPort()
	_ = closed.Close()
	r.dns.host("gw.example", at(transport.TCP, dead), at(transport.UDP, one.addr), at(transport.UDP, two.addr))
	alice.ask(req{method: "INVITE", uri: "sip:x@gw.example", is: "alice"})
	m := one.want("INVITE")
	one.refuse(m, 503, "Retry-After: 7\n")
	m2 := two.want("INVITE")
	v1, _ := m.TopVia()
	if v2, _ := m2.TopVia(); string(v1.Branch) == string(v2.Branch) {
		t.Error("the second attempt has the first one's branch")
	}
	two.accept(m2)
	alice.want(200)
	if got, want := r.dns.failures(), fmt.Sprintf("TCP %s 0s, UDP %s 7s", dead, one.addr); got != want {
		t.Errorf("resolver was told %q, want %q", got, want)
	}
	// when none is left 503 is not passed on (RFC 3261 §16.7 step 6)
	r.dns.host("gw.example", at(transport.UDP, one.addr))
	invite := alice.ask(req{method: "INVITE", uri: "sip:x@gw.example", is: "alice"})
	one.refuse(one.want("INVITE"), 503, "")
	alice.ackFor(invite, alice.want(500))
}

// A place that sends nothing, not even 100, is left for the next one after a while, and
// cancelled if it still answers. A place that sends 100 is waited for.
func TestSilentPlace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Failover = 2 * time.Second })
	alice, one, two := r.udpUA("alice"), r.udpUA("one"), r.udpUA("two")
	r.dns.host("gw.example", at(transport.UDP, one.addr), at(transport.UDP, two.addr))
	alice.ask(req{method: "INVITE", uri: "sip:x@gw.example", is: "alice"})
	first := one.want("INVITE")
	two.accept(two.want("INVITE"))
	alice.want(200)
	if got, want := r.dns.failures(), fmt.Sprintf("UDP %s 0s", one.addr); got != want {
		t.Errorf("resolver was told %q, want %q", got, want)
	}
	one.reply(first, 180, "")
	one.reply(one.want("CANCEL"), 200, "")
	one.refuse(first, 487, "")

	alice.ask(req{method: "INVITE", uri: "sip:x@gw.example", is: "alice"})
	first = one.want("INVITE")
	one.reply(first, 100, "")
	two.quiet(2500 * time.Millisecond)
	one.accept(first)
	alice.want(200)
}

// A user part without a user follows the route, and the second hop when the first
// fails.
func TestStaticRoute(t *testing.T) {
	r := newRig(t, nil)
	alice, one, two := r.udpUA("alice"), r.udpUA("one"), r.udpUA("two")
	r.p.SetRoutes(routes(t, Route{Name: "branch", Match: Match{Domain: "branch.example"},
		NextHop: Hops{"sip:" + one.addr.String(), "sip:" + two.addr.String()}}))
	alice.ask(req{method: "INVITE", uri: "sip:x@branch.example;user=phone", is: "alice"})
	m := one.want("INVITE")
	const want = "sip:x@branch.example;user=phone" // it is not ours to change
	if string(m.RequestURI()) != want {
		t.Errorf("Request-URI %s, want %s", m.RequestURI(), want)
	}
	two.quiet(shortly)
	one.refuse(m, 503, "")
	m = two.want("INVITE")
	if string(m.RequestURI()) != want {
		t.Errorf("Request-URI %s, want %s", m.RequestURI(), want)
	}
	two.refuse(m, 486, "")
	alice.want(486)
	alice.ask(req{method: "INVITE", uri: "sip:x@branch.example"}) // not for everybody
	alice.want(403)
	alice.ask(req{method: "INVITE", uri: "sip:1234@example.com", is: "alice"}) // numbers are the call layer's
	alice.want(404)
}

// The route by domain holds for a phone whose settings name us as outbound proxy,
// but not for requests of a dialog: those go to the Contact they name.
func TestStaticRouteBehindOutboundProxy(t *testing.T) {
	r := newRig(t, nil)
	alice, peer, bob := r.udpUA("alice"), r.udpUA("peer"), r.udpUA("bob")
	r.p.SetRoutes(routes(t, Route{Match: Match{Domain: "partner.example"}, NextHop: Hops{"sip:" + peer.addr.String()}}))
	r.dns.host("partner.example", at(transport.UDP, bob.addr))
	alice.ask(req{method: "INVITE", uri: "sip:bob@partner.example", is: "alice", id: "by", route: []string{"<sip:" + r.udp.String() + ";lr>"}})
	m := peer.want("INVITE")
	if m.Has(sip.HdrRoute) {
		t.Errorf("our Route went along: %s", m.Get(sip.HdrRoute))
	}
	rr := routeValues(m, sip.HdrRecordRoute)
	peer.reply(m, 200, "Contact: <sip:bob@partner.example>\n")
	alice.want(200)
	alice.ask(req{method: "BYE", uri: "sip:bob@partner.example", is: "alice", id: "by", toTag: "peer", route: reversed(rr)})
	bob.reply(bob.want("BYE"), 200, "")
	alice.want(200)
}

// A name that leads to us but is not configured as ours: the request is not sent to
// ourselves, and the log says what to do.
func TestNextHopIsOurselves(t *testing.T) {
	r := newRig(t, nil)
	alice := r.udpUA("alice")
	r.dns.host("sip.example.net", at(transport.UDP, r.udp))
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", is: "alice", route: []string{"<sip:sip.example.net;lr>"}})
	alice.want(482)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@sip.example.net", is: "alice"})
	alice.want(482)
	if n := strings.Count(r.logged.String(), "next hop is this server itself"); n != 2 {
		t.Errorf("said %d times", n)
	}
}

// The phone's connection has gone.
func TestDeadFlow(t *testing.T) {
	r := newRig(t, nil)
	alice, desk := r.udpUA("alice"), r.udpUA("desk")
	bob, hangUp := r.tcpUA("bob")
	b := r.binding(bob, "sip:bob@10.1.1.1;transport=tcp;ob")
	b.RegID, b.Instance = 1, "<urn:uuid:1>"
	r.book.user("bob", b)
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "dead"})
	m := bob.want("INVITE")
	rr := routeValues(m, sip.HdrRecordRoute)
	bob.reply(m, 200, "Contact: <sip:bob@10.1.1.1;transport=tcp;ob>\n")
	alice.want(200)
	hangUp()
	waitFor(t, func() bool { return !b.Flow.Alive() })
	alice.ask(req{method: "BYE", uri: "sip:bob@10.1.1.1;transport=tcp;ob", id: "dead", toTag: "bob", route: reversed(rr)})
	alice.want(430)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	alice.want(480)
	// another flow of the same instance is used instead, one at a time
	other := r.binding(desk, "sip:bob@10.1.1.1;ob")
	other.RegID, other.Instance = 2, b.Instance
	third := other
	third.RegID = 3
	r.book.user("bob", b, other, third)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	m = desk.want("MESSAGE")
	desk.quiet(shortly)
	desk.reply(m, 430, "")
	m = desk.want("MESSAGE") // by the third
	desk.reply(m, 200, "")
	alice.want(200)
}

// Redirection: passed on, or followed inside our domain.
func TestRedirection(t *testing.T) {
	for _, follow := range []bool{false, true} {
		t.Run(fmt.Sprintf("follow=%v", follow), func(t *testing.T) {
			f := fork(t, func(c *Config) {
				if follow {
					c.Recursion = RecurseDomains
				}
			}, 1000)
			carol := f.udpUA("carol")
			f.book.user("carol", f.binding(carol, ""))
			f.call()
			f.phones[0].refuse(f.phones[0].want("INVITE"), 302, "Contact: <sip:carol@example.com>\n")
			if !follow {
				if m := f.refused(302); string(m.Get(sip.HdrContact)) != "<sip:carol@example.com>" {
					t.Errorf("Contact %q", m.Get(sip.HdrContact))
				}
				return
			}
			m := carol.want("INVITE")
			carol.refuse(m, 302, "Contact: <sip:bob@example.com>\n") // round in a circle
			m = f.alice.want(302)
			f.alice.ackFor(f.invite, m)
		})
	}
}

// A phone of a private net that listens elsewhere than it sends from.
func TestContactPort(t *testing.T) {
	r := newRig(t, nil)
	alice, bob, ear := r.udpUA("alice"), r.udpUA("bob"), r.udpUA("ear")
	r.book.user("bob", r.binding(bob, "sip:bob@"+ear.addr.String()))
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	ear.reply(ear.want("MESSAGE"), 200, "")
	alice.want(200)
}

// A large request goes by TCP where UDP was meant, and by UDP when TCP is refused
// there (RFC 3261 §18.1.1). A phone's own flow is kept.
func TestLargeRequest(t *testing.T) {
	r := newRig(t, nil)
	alice, bob, far := r.udpUA("alice"), r.udpUA("bob"), r.udpUA("far")
	r.book.user("bob", r.binding(bob, ""))
	body := strings.Repeat("x", 2000)
	alice.ask(req{method: "MESSAGE", uri: "sip:x@" + far.addr.String(), is: "alice", body: body})
	m := far.want("MESSAGE")
	if via, _ := m.TopVia(); string(via.Transport) != "UDP" || string(m.Body()) != body {
		t.Errorf("got\n%s", m.Bytes())
	}
	if want := fmt.Sprintf("TCP %s 0s", far.addr); r.dns.failures() != want {
		t.Errorf("failures %q, want %q", r.dns.failures(), want)
	}
	far.reply(m, 200, "")
	alice.want(200)
	near, ln := r.udpUA("near"), net.Listener(nil)
	for range 20 { // another program may have the port by TCP
		var err error
		if ln, err = net.Listen("tcp", near.addr.String()); err == nil {
			break
		}
		near = r.udpUA("near")
	}
	if ln == nil {
		t.Fatal("no port is free by both UDP and TCP")
	}
	defer ln.Close()
	in := make(chan string, 10)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		readFrames(c, in)
	}()
	for byTCP, n := false, 0; !byTCP; n++ {
		if n == 5 {
			t.Fatal("nothing came by TCP")
		}
		alice.ask(req{method: "MESSAGE", uri: "sip:x@" + near.addr.String(), is: "alice", body: body})
		select {
		case s := <-in:
			byTCP = true
			if !strings.Contains(s, "Via: SIP/2.0/TCP "+r.tcp.String()) {
				t.Errorf("got\n%s", s)
			}
		case s := <-near.in: // on a busy machine the connection may take longer than Patience
			if near.seen[s] {
				n-- // it came before, and is repeated
			}
			near.seen[s] = true
		case <-time.After(30 * time.Second):
			t.Fatal("nothing came")
		}
	}
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", body: body})
	bob.want("MESSAGE")
}

// A place that does not answer TCP at all, as behind a filter, gets a large request by
// UDP a moment later, and only once; a place whose URI names UDP gets it at once.
func TestLargeRequestPastAFilter(t *testing.T) {
	r := newRig(t, nil)
	alice, far := r.udpUA("alice"), r.udpUA("far")
	filter(t, far.addr)
	body := strings.Repeat("x", 2000)
	for _, param := range []string{";transport=udp", "", ""} {
		alice.ask(req{method: "MESSAGE", uri: "sip:x@" + far.addr.String() + param, is: "alice", body: body})
		m := far.want("MESSAGE") // comes long before connecting is given up
		far.reply(m, 200, "")
		alice.want(200)
		want := ""
		if param == "" {
			want = fmt.Sprintf("TCP %s 0s", far.addr)
		}
		if got := r.dns.failures(); got != want {
			t.Errorf("%q: failures %q, want %q", param, got, want)
		}
	}
}

// filter makes an address accept no TCP connection: its backlog is full, and further
// packets are dropped.
func filter(t *testing.T, at netip.AddrPort) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 8; {
		c, err := net.DialTimeout("tcp", at.String(), 200*time.Millisecond)
		if err != nil {
			if n += 4; n >= 8 { // twice: once may be a machine that stood still
				return
			}
			continue
		}
		n++
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog does not fill")
}

// After a restart the flow of a UDP binding is made again from its address.
func TestRestoredBinding(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	b := r.binding(bob, "sip:bob@10.1.1.1")
	b.Flow = transport.Flow{Remote: bob.addr}
	r.book.user("bob", b)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	bob.reply(bob.want("MESSAGE"), 200, "")
	alice.want(200)
}
