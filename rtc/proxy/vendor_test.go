package proxy

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/sip"
)

// What real devices do, by the names of the catalogue of vendor behaviours.

// trunk-twilio-invite: two Record-Routes, a private Contact, X-headers. The
// Route set alone decides the way back; nothing of theirs is touched.
func TestVendorTwilioInvite(t *testing.T) {
	r := newRig(t, nil)
	trunk, bob := r.udpUA("trunk"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	r.book.alias("sip:+4930123@example.com", "sip:bob@example.com")
	theirs := []string{fmt.Sprintf("<sip:%s;lr;r2=on>", trunk.addr), "<sip:172.25.10.1:5060;lr;r2=on>"}
	extra := "Record-Route: " + theirs[0] + "\nRecord-Route: " + theirs[1] + "\n" +
		"User-Agent: Twilio Gateway\nX-Twilio-CallSid: CA1\nX-Twilio-AccountSid: AC1\n"
	contact := "<sip:+1202@172.25.10.9:5060;transport=udp>"
	trunk.ask(req{method: "INVITE", uri: "sip:+4930123@example.com", is: "peer", id: "tw@0.0.0.0", contact: contact, extra: extra})
	inv := bob.want("INVITE")
	rr := routeValues(inv, sip.HdrRecordRoute)
	if len(rr) != 3 || strings.Contains(rr[0], "ft.") || rr[1] != theirs[0] || rr[2] != theirs[1] {
		t.Fatalf("Record-Route %q", rr)
	}
	if string(inv.Get(sip.HdrContact)) != contact || string(inv.GetName("X-Twilio-CallSid")) != "CA1" {
		t.Errorf("changed:\n%s", inv.Bytes())
	}
	bob.accept(inv)
	trunk.want(200)
	bob.ask(req{method: "BYE", uri: strings.Trim(contact, "<>"), id: "tw@0.0.0.0", toTag: "trunk", route: rr})
	bye := trunk.want("BYE")
	if string(bye.RequestURI()) != strings.Trim(contact, "<>") || strings.Join(routeValues(bye, sip.HdrRoute), "") != strings.Join(theirs, "") {
		t.Errorf("BYE:\n%s", bye.Bytes())
	}
}

// gw-cisco-param-value: parameters without value get lost, so all of ours have one.
func TestVendorCiscoParamValue(t *testing.T) {
	r := newRig(t, nil)
	alice := r.udpUA("alice")
	bob, _ := r.tcpUA("bob")
	r.book.user("bob", r.binding(bob, "sip:bob@10.1.1.1;transport=tcp"))
	alice.ask(req{method: "INVITE", uri: "sip:bob@example.com", is: "alice"})
	for _, v := range routeValues(bob.want("INVITE"), sip.HdrRecordRoute) {
		na, err := sip.ParseNameAddr([]byte(v))
		if err != nil {
			t.Fatal(err)
		}
		sip.Params(uri(t, string(na.URI)).Params, func(name, value []byte) bool {
			if len(value) == 0 {
				t.Errorf("%s has no value in %s", name, v)
			}
			return true
		})
	}
}

// gw-cisco-strict-route: a proxy's Record-Route without lr and with maddr comes
// back as Request-URI, the peer's Contact as Route.
func TestVendorCiscoStrictRoute(t *testing.T) {
	r := newRig(t, nil)
	gw, bob := r.udpUA("gw"), r.udpUA("bob")
	target := strings.Trim(bob.contact(), "<>")
	gw.ask(req{method: "BYE", uri: fmt.Sprintf("sip:%s;maddr=127.0.0.1", r.udp), is: "peer", toTag: "bob", route: []string{"<" + target + ">"}})
	bye := bob.want("BYE")
	if string(bye.RequestURI()) != target || bye.Has(sip.HdrRoute) {
		t.Errorf("BYE:\n%s", bye.Bytes())
	}
}
