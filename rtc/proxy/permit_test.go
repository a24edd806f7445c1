package proxy

import (
	"net/netip"
	"testing"
	"time"

	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// The mark of a call between users gives no access to a gateway, under any name or
// address: its holder need not be a user.
func TestGatewayByOtherNames(t *testing.T) {
	r := newRig(t, nil)
	alice, bob, gateway, other := r.udpUA("alice"), r.udpUA("bob"), r.udpUA("gateway"), r.udpUA("other")
	there := at(transport.UDP, gateway.addr)
	for _, name := range []string{"gw.example", "gw.example.", "alias.example"} {
		r.dns.host(name, there)
	}
	r.dns.host("mixed.example", at(transport.UDP, other.addr), there)
	r.dns.host("other.example", at(transport.UDP, other.addr))
	r.dns.host("GW.example", there)
	r.gateway("GW.example")
	waitFor(t, func() bool { return r.p.peers.At(gateway.addr) != nil }) // its name is looked up
	r.book.user("bob", r.binding(bob, ""))
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "theirs"})
	m := bob.want("INVITE")
	mark := routeValues(m, sip.HdrRecordRoute)
	bob.accept(m)
	alice.want(200)
	for _, host := range []string{"gw.example", "Gw.Example", "gw.example.", gateway.addr.String(), "alias.example", "mixed.example",
		"other.example;maddr=gw.example"} {
		bob.ask(req{method: "INVITE", uri: "sip:+1900@" + host, id: "theirs", toTag: "x", route: mark})
		bob.want(403)
		bob.ask(req{method: "INVITE", uri: "sip:+1900@" + host, is: "bob"}) // nor whoever is known
		bob.want(403)
		bob.ask(req{method: "INVITE", uri: "sip:+1900@x.example", is: "peer", route: []string{"<sip:" + host + ";lr>"}})
		bob.want(403)
		gateway.quiet(shortly)
	}
	// A token of the gateway's flow, seen in another call, is none for this one.
	flow, err := r.tr.Flow(there.Target)
	if err != nil {
		t.Fatal(err)
	}
	token := "<sip:" + string(r.p.appendToken(nil, flow)) + "@" + r.udp.String() + ";lr>"
	bob.ask(req{method: "INVITE", uri: "sip:+1900@x.example", id: "theirs", toTag: "x", route: append(mark, token)})
	bob.want(403)
	gateway.quiet(shortly)
	other.quiet(shortly)
	bob.ask(req{method: "INVITE", uri: "sip:x@other.example", id: "theirs", toTag: "x", route: mark})
	other.want("INVITE")
	bob.ask(req{method: "ACK", uri: "sip:+1900@alias.example", id: "theirs", toTag: "x", route: mark})
	gateway.quiet(shortly)
	bob.ask(req{method: "ACK", uri: "sip:x@other.example", id: "theirs", toTag: "x", route: mark})
	other.want("ACK")
}

// A binding that is not reached over its flow leads where its user says, but not to a
// gateway, unless he registered through it, and not back to us.
func TestBindingLeadsToNoGateway(t *testing.T) {
	r := newRig(t, nil)
	alice, gateway, edge := r.udpUA("alice"), r.udpUA("gateway"), r.udpUA("edge")
	there, us := at(transport.UDP, gateway.addr), at(transport.UDP, r.udp)
	for name, list := range map[string][]resolve.Candidate{
		"gw.example": {there}, "alias.example": {there}, "mixed.example": {us, there}, "us.example": {us}, "edge.example": {at(transport.UDP, edge.addr)},
	} {
		r.dns.host(name, list...)
	}
	r.gateway("gw.example", gateway.addr.String())
	gw := gateway.addr.String()
	for _, c := range []struct {
		uri, path string
		through   netip.AddrPort // the REGISTER came by
		want      any            // what alice is told, or nil
	}{
		{"sip:+1900@" + gw, "", netip.AddrPort{}, 480},
		{"sip:+1900@gw.example", "", netip.AddrPort{}, 480},
		{"sip:+1900@alias.example", "", netip.AddrPort{}, 480},
		{"sip:+1900@mixed.example", "", netip.AddrPort{}, 480},
		{"sip:+1900@elsewhere.example;maddr=gw.example", "", netip.AddrPort{}, 480},
		{"sip:+1900@elsewhere.example;maddr=" + gateway.addr.Addr().String() + ";transport=udp", "<sip:" + gw + ";lr>", alice.addr, 480},
		{"sip:+1900@example.com", "<sip:gw.example;lr>", alice.addr, 480},
		{"sip:+1900@example.com", "<sip:alias.example;lr>, <sip:edge.example;lr>", alice.addr, 480},
		{"sip:+1900@example.com", "<sip:us.example;lr>", alice.addr, 482},
		{"sip:+1900@example.com", "<sip:" + r.udp.String() + ";lr>", alice.addr, 482},
		{"sip:+1900@" + r.udp.String(), "", netip.AddrPort{}, 482},
		{"sip:bob@10.0.0.1", "<sip:edge.example;lr>", alice.addr, nil},
		{"sip:bob@10.0.0.1", "<sip:" + gw + ";lr>", gateway.addr, nil},
	} {
		r.book.user("bob", location.Binding{URI: c.uri, Path: c.path, Q: 1000, Flow: transport.Flow{Remote: c.through}, Expires: time.Now().Add(time.Hour)})
		invite := alice.ask(req{method: "INVITE", uri: "sip:bob@example.com"})
		if c.want != nil {
			alice.ackFor(invite, alice.want(c.want))
			gateway.quiet(shortly)
			continue
		}
		callee := edge
		if c.through == gateway.addr {
			callee = gateway
		}
		callee.refuse(callee.want("INVITE"), 486, "")
		alice.ackFor(invite, alice.want(486))
	}
	edge.quiet(shortly)
}

// Outside users cannot reach through us what only this machine can reach, whether a
// request or a binding leads there. Next hops in the configuration may be on this
// machine.
func TestUsersElsewhereReachNothingOfThisMachine(t *testing.T) {
	r := newRig(t, nil)
	here, far := netip.MustParseAddrPort("127.0.0.1:5070"), netip.MustParseAddrPort("198.51.100.7:5060")
	for _, c := range []struct {
		from netip.AddrPort
		t    target
		ok   bool
	}{
		{far, target{by: relayed}, false},
		{here, target{by: relayed}, true},
		{here, target{by: device, Way: reach.Way{From: far}}, false},
		{far, target{by: device, Way: reach.Way{From: here}}, true},
		{far, target{by: device}, false}, // who registered it is not known any more
		{far, target{by: routed, route: new(route)}, true},
	} {
		pl := plan{in: transport.Flow{Remote: c.from}}
		if err := r.p.permitPlace(&pl, &c.t, here); (err == nil) != c.ok {
			t.Errorf("from %v by %v of %v: %v", c.from, c.t.by, c.t.From, err)
		}
	}
}
