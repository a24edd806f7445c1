package test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/settings"
)

// TestNumberOfOneDevice: a number leads to one of a user's three phones, which alone
// rings, whoever calls it and however it is written. The user's own number rings all.
func TestNumberOfOneDevice(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice", "carol")
	const alice, door = rtc.AOR("sip:alice@" + domain), "urn:uuid:00000000-0000-1000-8000-000A95A0E128"
	trunk := r.rawTrunk(t, "pstn", nil)
	desk, mobile, third, carol := r.dial(t, "udp"), r.dial(t, "udp"), r.dial(t, "udp"), r.dial(t, "udp")
	phones := []*wire{desk, mobile, third}
	_, secret, err := r.s.Directory().AddDevice(soon(t), alice, "desk")
	if err != nil {
		t.Fatal(err)
	}
	desk.pass = secret
	desk.register("alice")
	mobile.register("alice", fmt.Sprintf("Contact: %s;+sip.instance=\"<%s>\"", mobile.contact("alice"), door))
	third.register("alice")
	carol.register("carol")
	for number, device := range map[string]string{"+49302001": "desk", "+49302002": door, "+49302003": ""} {
		body := fmt.Sprintf(`{"add_alias":%q,"device":%q}`, number, device)
		if code, out, _ := r.http(t, "PATCH", "/users/alice", body); code != 200 {
			t.Fatalf("%s: %d %v", number, code, out)
		}
	}
	inbound := func(number string) (*wire, string) { return trunk, trunk.callIn("+4940999", number, "") }
	inside := func(number string) (*wire, string) { return carol, carol.dialNumber("carol", number) }
	for _, c := range []struct {
		call  func(number string) (*wire, string)
		to    string
		rings []*wire
	}{
		{inbound, "+49302001", phones[:1]}, {inbound, "030/2001", phones[:1]}, {inbound, "+49302002", phones[1:2]}, {inbound, "+49302003", phones},
		{inside, "+49302001", phones[:1]}, {inside, "0302002", phones[1:2]}, {inside, "+49302003", phones}, {inside, "alice", phones},
	} {
		caller, id := c.call(c.to)
		for _, p := range c.rings {
			p.reply(p.request("INVITE"), 486, "busy", "", "")
			p.request("ACK")
		}
		// the last of the phones that ring has answered: no other one rings
		if m := caller.final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: %d", c.to, m.StatusCode())
		}
		for i, p := range phones {
			if m, err := p.next(time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
				t.Errorf("%s: phone %d is sent %s", c.to, i, m.MethodName())
			}
		}
	}
	// What the user wants counts for that device as well.
	r.set(t, "alice", func(u *settings.User) { u.DoNotDisturb = true })
	if m := trunk.final(trunk.callIn("+4940999", "+49302001", ""), "INVITE"); m.StatusCode() != 486 {
		t.Errorf("do not disturb: %d", m.StatusCode())
	}
	r.set(t, "alice", func(u *settings.User) { u.DoNotDisturb, u.Unreachable = false, "carol" })
	desk.register("alice", "Expires: 0")
	id := trunk.callIn("+4940999", "+49302001", "")
	carol.reply(carol.request("INVITE"), 486, "busy", "", "")
	trunk.final(id, "INVITE")
	if code, out, _ := r.http(t, "GET", "/users/alice", ""); code != 200 || fmt.Sprint(out["direct"]) != "map[tel:+49302001:desk tel:+49302002:"+door+"]" {
		t.Errorf("%d %v", code, out)
	}
	if code, out, _ := r.http(t, "PATCH", "/users/alice", `{"add_alias":"+49302004","device":"lost"}`); code != 404 {
		t.Errorf("a device that is not there: %d %v", code, out)
	}
	if code, out, _ := r.http(t, "DELETE", "/users/"+url.PathEscape(string(alice))+"/devices/desk", ""); code != 200 {
		t.Errorf("%d %v", code, out)
	}
}
