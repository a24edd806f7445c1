package proxy

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// A request leaves unchanged except for what RFC 3261 §16.6 requires, and the response
// comes back unchanged except for our Via.
func TestMessageByteExact(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	contact := fmt.Sprintf("sip:B%%6Fb@%s;line=\"x y\";+u.sip!x=1;q", bob.addr)
	contact = strings.ReplaceAll(contact, "\"x y\"", "a%20b")
	r.book.user("bob", r.binding(bob, contact+"?Subject=no"))
	odd := "Subject: folded\r\n \tover two lines\r\n" +
		"X-Odd :  \"a;b\" ; x = \"hello world\" \r\n" +
		"m: \"A, \\\"B\\\"\" <sip:a@h;x=\"1, 2\">;methods=\"INVITE, ACK\";+sip.instance=\"<urn:uuid:1>\"\r\n" +
		"c: text/plain\r\n"
	sent := fmt.Sprintf("MESSAGE sip:bob@EXAMPLE.com SIP/2.0\r\nVia: SIP/2.0/UDP  %s ;x=\"a;b\";branch=z9hG4bKodd\r\n"+
		"max-forwards:  42\r\nf: \"Alice\" <sip:alice@example.com>;tag=1\r\nTO: sip:bob@example.com\r\ni: odd@x\r\nCSeq: 0007\tMESSAGE\r\n%sl:   5  \r\n\r\nh\x00llo", alice.addr, odd)
	alice.write([]byte(sent))
	m := bob.want("MESSAGE")
	lines := strings.SplitN(string(m.Bytes()), "\r\n", 3)
	if want := "MESSAGE " + contact + " SIP/2.0"; lines[0] != want {
		t.Errorf("request line %q, want %q", lines[0], want)
	}
	via, _ := m.TopVia()
	if !strings.HasPrefix(lines[1], "Via: SIP/2.0/UDP "+r.udp.String()+";branch=z9hG4bK") || len(via.Branch) < 20 {
		t.Errorf("our Via: %q", lines[1])
	}
	want := strings.SplitN(sent, "\r\n", 2)[1]
	got := lines[2]
	for _, x := range []string{"max-forwards:  41", "Max-Forwards: 41", "max-forwards: 41"} {
		got = strings.Replace(got, x, "max-forwards:  42", 1)
	}
	if got != want {
		t.Errorf("the rest changed:\n%q\nwant\n%q", got, want)
	}

	vias := ""
	for _, v := range routeValues(m, sip.HdrVia) {
		vias += "v: " + v + "\r\n"
	}
	tail := "f: \"Alice\" <sip:alice@example.com>;tag=1\r\nTO: sip:bob@example.com;tag=9\r\ni: odd@x\r\nCSeq: 0007\tMESSAGE\r\n" + odd + "l: 0\r\n\r\n"
	bob.write([]byte("SIP/2.0 200 Tr\xc3\xa8s bien \r\n" + vias + tail))
	resp := alice.want(200)
	first := strings.SplitN(string(resp.Bytes()), "\r\n", 3)
	if first[0] != "SIP/2.0 200 Tr\xc3\xa8s bien " || first[2] != tail {
		t.Errorf("answer changed:\n%q\nwant tail\n%q", resp.Bytes(), tail)
	}
	if len(routeValues(resp, sip.HdrVia)) != 1 {
		t.Errorf("Vias of the answer: %q", routeValues(resp, sip.HdrVia))
	}
}

// A whole call over UDP with phones that can be reached where their Contact says.
func TestCall(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "call"})
	alice.want(100)
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	if len(rr) != 1 || !strings.HasPrefix(rr[0], "<sip:"+r.udp.String()+";lr=on;did=") {
		t.Fatalf("Record-Route %q", rr)
	}
	if inv.Get(sip.HdrMaxForwards) == nil || string(inv.Get(sip.HdrMaxForwards)) != "69" {
		t.Errorf("Max-Forwards %q", inv.Get(sip.HdrMaxForwards))
	}
	bob.reply(inv, 180, "")
	alice.want(180)
	bob.accept(inv)
	if ok := alice.want(200); strings.Join(routeValues(ok, sip.HdrRecordRoute), "") != rr[0] {
		t.Errorf("Record-Route of the 200: %q", routeValues(ok, sip.HdrRecordRoute))
	}
	target := strings.Trim(bob.contact(), "<>")
	ack := alice.text(req{method: "ACK", uri: target, id: "call", toTag: "bob", cseq: 1, route: rr})
	alice.send(ack)
	got := bob.want("ACK")
	if string(got.RequestURI()) != target || got.Has(sip.HdrRoute) {
		t.Errorf("ACK:\n%s", got.Bytes())
	}
	alice.send(ack) // a retransmission gets the same branch, so the copy is equal and dropped by seen
	bob.quiet(shortly)
	bob.ask(req{method: "BYE", uri: strings.Trim(alice.contact(), "<>"), id: "call", toTag: "alice", route: rr})
	bye := alice.want("BYE")
	if bye.Has(sip.HdrRoute) || bye.Has(sip.HdrRecordRoute) {
		t.Errorf("BYE:\n%s", bye.Bytes())
	}
	alice.reply(bye, 200, "")
	bob.want(200)
	if s := r.p.Stats(); s.Requests != 4 || s.Branches != 2 {
		t.Errorf("counted %+v", s)
	}
}

// UDP on one side, a connection of the phone's own on the other: two
// Record-Routes, and each way of the dialog finds its side (RFC 5658).
func TestTwoTransports(t *testing.T) {
	r := newRig(t, nil)
	alice := r.udpUA("alice")
	bob, _ := r.tcpUA("bob")
	r.book.user("bob", r.binding(bob, "sip:bob@10.1.1.1:5060;transport=tcp")) // behind a NAT
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "two"})
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	if len(rr) != 2 || !strings.HasPrefix(rr[0], "<sip:ft.") || !strings.Contains(rr[0], "@"+r.tcp.String()+";transport=tcp;lr=on;r2=on;did=") ||
		!strings.HasPrefix(rr[1], "<sip:"+r.udp.String()+";lr=on;r2=on;did=") {
		t.Fatalf("Record-Route %q", rr)
	}
	if via, _ := inv.TopVia(); string(via.Transport) != "TCP" {
		t.Errorf("Via %q", inv.Get(sip.HdrVia))
	}
	bob.reply(inv, 200, "Contact: <sip:bob@10.1.1.1:5060;transport=tcp>\n")
	alice.want(200)
	alice.ask(req{method: "ACK", uri: "sip:bob@10.1.1.1:5060;transport=tcp", id: "two", toTag: "bob", cseq: 1, route: reversed(rr)})
	if ack := bob.want("ACK"); ack.Has(sip.HdrRoute) {
		t.Errorf("ACK:\n%s", ack.Bytes())
	}
	bob.ask(req{method: "BYE", uri: strings.Trim(alice.contact(), "<>"), id: "two", toTag: "alice", route: rr})
	bye := alice.want("BYE")
	if bye.Has(sip.HdrRoute) {
		t.Errorf("BYE:\n%s", bye.Bytes())
	}
	alice.reply(bye, 200, "")
	bob.want(200)
	// the other way round, and lines joined to one
	alice.ask(req{method: "INFO", uri: "sip:bob@10.1.1.1:5060;transport=tcp", id: "two", toTag: "bob", route: []string{rr[1] + "," + rr[0]}})
	bob.reply(bob.want("INFO"), 200, "")
	alice.want(200)
}

// A phone that listens only to the address it registered at gets what comes
// later in the dialog from there too, though its peer uses another one.
func TestTwoListeners(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	second := r.tr.Listeners()[3]
	b := r.binding(bob, "")
	var err error
	if b.Flow, err = r.tr.Flow(transport.Target{Proto: transport.UDP, Addr: bob.addr, Via: second}); err != nil {
		t.Fatal(err)
	}
	r.book.user("bob", b)
	from := func(m *sip.Message, l *transport.Listener) {
		t.Helper()
		if via, _ := m.TopVia(); via.Port != l.Addr().Port() {
			t.Errorf("%s left from port %d, want %d", m.MethodName(), via.Port, l.Addr().Port())
		}
	}
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "ears"})
	inv := bob.want("INVITE")
	from(inv, second)
	rr := routeValues(inv, sip.HdrRecordRoute)
	bob.accept(inv)
	alice.want(200)
	alice.ask(req{method: "BYE", uri: strings.Trim(bob.contact(), "<>"), id: "ears", toTag: "bob", route: reversed(rr)})
	bye := bob.want("BYE")
	from(bye, second)
	bob.reply(bye, 200, "")
	alice.want(200)
	bob.ask(req{method: "INFO", uri: strings.Trim(alice.contact(), "<>"), id: "ears", toTag: "alice", route: rr})
	info := alice.want("INFO")
	from(info, r.tr.Listeners()[0])
	alice.reply(info, 200, "")
	bob.want(200)
}

// A browser has no address at all: everything goes by its connection.
func TestBrowser(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.browser("bob")
	contact := "sip:x7@abc.invalid;transport=ws"
	bob.ask(req{method: "REGISTER", uri: "sip:example.com", contact: "<" + contact + ">", extra: "X-Flow: 1\n", via: "SIP/2.0/WS abc.invalid;branch=z9hG4bKws1"})
	bob.want(200)
	r.book.user("bob", location.Binding{URI: contact, Q: 1000, Flow: <-r.flows})
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "ws1"})
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	if len(rr) != 2 || !strings.HasPrefix(rr[0], "<sip:ft.") || !strings.Contains(rr[0], ";transport=ws;lr=on;r2=on") || string(inv.RequestURI()) != contact {
		t.Fatalf("to %s by %q", inv.RequestURI(), rr)
	}
	bob.reply(inv, 200, "Contact: <"+contact+">\n")
	alice.want(200)
	alice.ask(req{method: "ACK", uri: contact, id: "ws1", toTag: "bob", cseq: 1, route: reversed(rr)})
	bob.want("ACK")
	bob.ask(req{method: "BYE", uri: strings.Trim(alice.contact(), "<>"), id: "ws1", toTag: "alice", route: rr, contact: "<" + contact + ">", via: "SIP/2.0/WS abc.invalid;branch=z9hG4bKws2"})
	alice.reply(alice.want("BYE"), 200, "")
	bob.want(200)
	// and from the browser
	r.book.user("alice", r.binding(alice, ""))
	bob.ask(req{method: "INVITE", uri: "sip:alice@example.com", is: "bob", id: "ws2", contact: "<" + contact + ">", via: "SIP/2.0/WS abc.invalid;branch=z9hG4bKws3"})
	inv = alice.want("INVITE")
	rr = routeValues(inv, sip.HdrRecordRoute)
	alice.accept(inv)
	bob.want(200)
	alice.ask(req{method: "BYE", uri: contact, id: "ws2", toTag: "bob", route: rr})
	bob.want("BYE")
}

// The caller is behind a NAT: requests to him take the way of his own.
func TestCallerBehindNAT(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "nat", contact: "<sip:alice@10.9.9.9>"})
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	if len(rr) != 2 || !strings.HasPrefix(rr[1], "<sip:ft.") || strings.Contains(rr[0], "ft.") {
		t.Fatalf("Record-Route %q", rr)
	}
	bob.accept(inv)
	alice.want(200)
	bob.ask(req{method: "BYE", uri: "sip:alice@10.9.9.9", id: "nat", toTag: "alice", route: rr})
	bye := alice.want("BYE")
	if string(bye.RequestURI()) != "sip:alice@10.9.9.9" || bye.Has(sip.HdrRoute) {
		t.Errorf("BYE:\n%s", bye.Bytes())
	}
	// a forged token is worth nothing
	forged := strings.Replace(rr[1], "ft.", "ft.A", 1)
	bob.ask(req{method: "INFO", uri: "sip:alice@127.0.0.1:1", id: "nat", toTag: "alice", route: []string{rr[0], forged}})
	alice.quiet(shortly)
}

func TestPath(t *testing.T) {
	r := newRig(t, nil)
	alice, edge := r.udpUA("alice"), r.udpUA("edge")
	b := r.binding(edge, "sip:bob@10.1.1.1")
	b.Path = fmt.Sprintf("<sip:tok@%s;lr>, <sip:second.example;lr>", edge.addr)
	r.book.user("bob", b)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	m := edge.want("MESSAGE")
	if got := strings.Join(routeValues(m, sip.HdrRoute), ", "); got != b.Path || string(m.RequestURI()) != "sip:bob@10.1.1.1" {
		t.Errorf("to %s by Route %q", m.RequestURI(), got)
	}
	edge.reply(m, 200, "")
	alice.want(200)
}

func TestGRUU(t *testing.T) {
	r := newRig(t, nil)
	alice, desk, cell := r.udpUA("alice"), r.udpUA("desk"), r.udpUA("cell")
	one, two := r.binding(desk, ""), r.binding(cell, "")
	one.Instance, two.Instance = "<urn:uuid:11>", "<urn:uuid:22>"
	r.book.user("bob", one, two)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com;gr=urn:uuid:22"})
	cell.reply(cell.want("MESSAGE"), 200, "")
	alice.want(200)
	desk.quiet(shortly)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com;gr=urn:uuid:33"})
	alice.want(480)
}

// Which user a request for us reaches, or how it is refused.
func TestTargets(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	r.book.user("away")
	r.book.alias("sip:+4930123@example.com", "sip:bob@example.com")
	r.book.alias("tel:+4930123", "sip:bob@example.com")
	for _, c := range []struct {
		uri, is string
		code    int // 0: bob gets it
	}{
		{"sip:bob@example.com", "", 0},
		{"sip:bob@Example.COM:5060;transport=udp", "", 0},
		{"sip:b%6Fb@example.com", "", 0},
		{"sip:bob@" + r.udp.String(), "", 0},
		{"sip:+4930123@example.com;user=phone", "", 0},
		{"tel:+49-30-123", "", 0},
		{"sip:nobody@example.com", "alice", 404},
		{"tel:+4999", "alice", 404},
		{"sip:away@example.com", "", 480},
		{"sips:bob@example.com", "", 480}, // no binding of his is secure
		{"sip:example.com", "", 404},
		{"sip:x@elsewhere.example", "", 403},
		{"sip:bob@" + bob.addr.String(), "", 403},
		{"sip:bob@" + bob.addr.String(), "alice", 0},
		{"sip:x@elsewhere.example", "alice", 500}, // not found by DNS
		{"urn:service:x", "alice", 416},
	} {
		alice.ask(req{method: "MESSAGE", uri: c.uri, is: c.is})
		if c.code != 0 {
			if m, err := alice.next(3e9); err != nil || m.StatusCode() != c.code {
				t.Errorf("%s as %q: %v %v, want %d", c.uri, c.is, m, err, c.code)
			}
			continue
		}
		m, err := bob.next(3e9)
		if err != nil {
			t.Errorf("%s as %q: %v", c.uri, c.is, err)
			continue
		}
		bob.reply(m, 200, "")
		alice.want(200)
	}
	if !strings.Contains(r.logged.String(), "relaying denied") || r.p.Stats().Denied != 2 {
		t.Error("a denied relay is logged and counted")
	}
}

// Nobody gets past with a request that only looks like one of a dialog.
func TestNoOpenRelay(t *testing.T) {
	gw := "192.0.2.1"
	r := newRig(t, nil)
	r.gateway(gw)
	mallory, bob, carol := r.udpUA("mallory"), r.udpUA("bob"), r.udpUA("carol")
	r.book.user("bob", r.binding(bob, ""))
	own := fmt.Sprintf("<sip:%s;lr>", r.udp)
	denied := func(q req) {
		t.Helper()
		q.toTag, q.method = "x", "INVITE"
		mallory.ask(q)
		mallory.want(403)
	}
	denied(req{uri: "sip:carol@" + carol.addr.String(), route: []string{own}})
	denied(req{uri: "sip:carol@" + carol.addr.String(), route: []string{own, "<sip:" + gw + ";lr>"}})
	denied(req{uri: "sip:+49123@" + gw, route: []string{own}})
	// a call to bob is for everybody, and its mark is good for this call alone
	mallory.ask(req{method: "INVITE", uri: "sip:bob@example.com", id: "m1"})
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	bob.accept(inv)
	mallory.want(200)
	denied(req{uri: "sip:carol@" + carol.addr.String(), route: rr, id: "m2"})
	denied(req{uri: "sip:+49123@" + gw, route: rr, id: "m1"}) // nor to the telephone network
	// also when one of our users began the call
	carol.ask(req{method: "INVITE", uri: "sip:x@" + mallory.addr.String(), is: "carol", id: "m3"})
	rr3 := routeValues(mallory.want("INVITE"), sip.HdrRecordRoute)
	denied(req{uri: "sip:+49123@" + gw, route: rr3, id: "m3"})
	mallory.ask(req{method: "BYE", uri: strings.Trim(bob.contact(), "<>"), route: rr, id: "m1", toTag: "bob"})
	bob.want("BYE")
	carol.quiet(shortly)
}

func TestValidation(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", forwards: "0"})
	alice.want(483)
	alice.ask(req{method: "OPTIONS", uri: "sip:bob@example.com", forwards: "0"})
	alice.want(483)
	alice.ask(req{method: "OPTIONS", uri: "sip:example.com", forwards: "0"})
	if m := alice.want(200); !m.Has(sip.HdrAllow) {
		t.Errorf("OPTIONS:\n%s", m.Bytes())
	}
	alice.ask(req{method: "OPTIONS", uri: "sip:" + r.udp.String()})
	alice.want(200)
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", forwards: "-"})
	if m := bob.want("MESSAGE"); string(m.Get(sip.HdrMaxForwards)) != "70" {
		t.Errorf("Max-Forwards %q", m.Get(sip.HdrMaxForwards))
	}
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", extra: "Proxy-Require: a, b\n"})
	if m := alice.want(420); string(m.Get(sip.HdrUnsupported)) != "a, b" {
		t.Errorf("Unsupported %q", m.Get(sip.HdrUnsupported))
	}
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", extra: "Max-Breadth: 0\n"})
	alice.want(440)
	alice.send(cancelOf(alice.text(req{method: "INVITE", uri: "sip:bob@example.com"}), ""))
	alice.want(481)
}

// Asserted identities are removed if the sender may not assert them (RFC 3325 §5).
func TestAssertedIdentity(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	for is, kept := range map[string]bool{"": false, "alice": false, "peer": true} {
		alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", is: is, extra: "P-Asserted-Identity: <sip:boss@example.com>\n"})
		if m := bob.want("MESSAGE"); m.Has(sip.HdrPAssertedIdentity) != kept {
			t.Errorf("from %q: kept %v", is, !kept)
		} else {
			bob.reply(m, 200, "")
		}
		alice.want(200)
	}
}

func TestLoopAndSpiral(t *testing.T) {
	r := newRig(t, nil)
	alice, other := r.udpUA("alice"), r.udpUA("other")
	r.book.user("bob", r.binding(other, ""))
	r.book.user("carol", r.binding(other, ""))
	back := func(m *sip.Message, uri string) string { // another proxy sends it to us again
		e := new(sip.Edit)
		e.Start(m)
		e.RequestURI([]byte(uri))
		e.PushVia([]byte(fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bKback%d", other.addr, ids.Add(1))))
		return string(e.Append(nil))
	}
	alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com"})
	m := other.want("MESSAGE")
	other.write([]byte(back(m, "sip:bob@example.com")))
	other.want(482)
	other.write([]byte(back(m, "sip:carol@example.com"))) // changed meanwhile: a spiral
	m = other.want("MESSAGE")
	if n := len(routeValues(m, sip.HdrVia)); n != 4 {
		t.Errorf("%d Vias", n)
	}
	other.write([]byte(back(m, "sip:carol@example.com")))
	other.want(482)
	if r.p.Stats().Loops != 2 {
		t.Errorf("loops counted: %d", r.p.Stats().Loops)
	}
}

// Strict routers before us and behind us (RFC 3261 §16.4, §16.6 step 6, §16.12.1.2).
func TestStrictRouting(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	target := strings.Trim(bob.contact(), "<>")
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice", id: "strict"})
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	bob.accept(inv)
	alice.want(200)
	own := strings.Trim(rr[0], "<>")
	for name, first := range map[string]string{
		"with lr":    own,
		"lost lr":    strings.Replace(own, ";lr=on", "", 1),
		"with maddr": strings.Replace(own, ";lr=on", ";maddr=127.0.0.1", 1),
	} {
		alice.ask(req{method: "INFO", uri: first, id: "strict", toTag: "bob", route: []string{"<" + target + ">"}})
		m := bob.want("INFO")
		if string(m.RequestURI()) != target || m.Has(sip.HdrRoute) {
			t.Errorf("%s: got\n%s", name, m.Bytes())
		}
		bob.reply(m, 200, "")
		alice.want(200)
	}
	// the pair of two transports, by a strict router that lost all parameters
	pair := []string{fmt.Sprintf("<sip:%s;transport=tcp>", r.tcp), "<" + target + ">"}
	alice.ask(req{method: "INFO", uri: "sip:" + r.udp.String(), id: "strict", is: "alice", toTag: "bob", route: pair})
	if m := bob.want("INFO"); string(m.RequestURI()) != target || m.Has(sip.HdrRoute) {
		t.Errorf("pair: got\n%s", m.Bytes())
	}
	// the next hop is strict
	strict := fmt.Sprintf("sip:%s", bob.addr)
	alice.ask(req{method: "INFO", uri: "sip:x@far.example", id: "strict", toTag: "bob", route: []string{rr[0], "<" + strict + ">", "<sip:more.example;lr>"}})
	m := bob.want("INFO")
	if string(m.RequestURI()) != strict || strings.Join(routeValues(m, sip.HdrRoute), "|") != "<sip:more.example;lr>|<sip:x@far.example>" {
		t.Errorf("to a strict router:\n%s", m.Bytes())
	}
	// and a loose one
	loose := fmt.Sprintf("<sip:%s;lr>", bob.addr)
	alice.ask(req{method: "INFO", uri: "sip:x@far.example", id: "strict", toTag: "bob", route: []string{rr[0], loose}})
	m = bob.want("INFO")
	if string(m.RequestURI()) != "sip:x@far.example" || strings.Join(routeValues(m, sip.HdrRoute), "|") != loose {
		t.Errorf("to a loose router:\n%s", m.Bytes())
	}
}

func TestMaddr(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	alice.ask(req{method: "MESSAGE", uri: fmt.Sprintf("sip:bob@example.com:%d;maddr=127.0.0.1;transport=udp", r.udp.Port())})
	bob.reply(bob.want("MESSAGE"), 200, "")
	alice.want(200)
}

// A REGISTER for another domain passes, for those who may.
func TestForeignRegister(t *testing.T) {
	r := newRig(t, nil)
	alice, other := r.udpUA("alice"), r.udpUA("other")
	alice.ask(req{method: "REGISTER", uri: "sip:" + other.addr.String()})
	alice.want(403)
	alice.ask(req{method: "REGISTER", uri: "sip:" + other.addr.String(), is: "alice"})
	m := other.want("REGISTER")
	if m.Has(sip.HdrRecordRoute) {
		t.Error("Record-Route in REGISTER")
	}
	other.reply(m, 200, "")
	alice.want(200)
}

// A phone of 2002: no branch, no From tag, no Max-Forwards.
func TestOldPhone(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	alice.send(fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP %s\nFrom: sip:alice@example.com\nTo: sip:bob@example.com\nCall-ID: old\nCSeq: 1 INVITE\nContact: sip:alice@%s\n\n", alice.addr, alice.addr))
	bob.accept(bob.want("INVITE"))
	alice.want(200)
}

// Credentials for us are removed, and those for proxies behind us stay, even if both
// are in one line.
func TestCredentialsForOthersGoAlong(t *testing.T) {
	r := newRig(t, nil)
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	const ours, theirs = `Digest username="a, b", realm="example.com", response="1"`, `Digest realm="p.example", nonce="x"`
	for line, want := range map[string]string{
		ours:                               "",
		theirs:                             theirs,
		ours + ", " + theirs:               theirs,
		theirs + "," + ours + "," + theirs: theirs + ", " + theirs,
	} {
		alice.ask(req{method: "MESSAGE", uri: "sip:bob@example.com", is: "alice", extra: "Proxy-Authorization: " + line + "\n"})
		m := bob.want("MESSAGE")
		if got := string(m.Get(sip.HdrProxyAuthorization)); got != want {
			t.Errorf("%s\narrives as %s", line, got)
		}
		bob.reply(m, 200, "")
		alice.want(200)
	}
}
