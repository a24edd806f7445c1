package trunks

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestNumberOfOneDevice: a number leads to one of a user's three phones, which alone
// rings, whoever calls it and however it is written. The user's own number rings all.
func TestNumberOfOneDevice(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "carol")
	const alice, door = rtc.AOR("sip:alice@" + harness.Domain), "urn:uuid:00000000-0000-1000-8000-000A95A0E128"
	trunk := r.RawTrunk(t, "pstn", nil)
	desk, mobile, third, carol := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	phones := []*harness.Wire{desk, mobile, third}
	_, secret, err := r.S.Directory().AddDevice(harness.Soon(t), alice, "desk")
	if err != nil {
		t.Fatal(err)
	}
	desk.Pass = secret
	desk.Register("alice")
	mobile.Register("alice", fmt.Sprintf("Contact: %s;+sip.instance=\"<%s>\"", mobile.Contact("alice"), door))
	third.Register("alice")
	carol.Register("carol")
	for number, device := range map[string]string{"+49302001": "desk", "+49302002": door, "+49302003": ""} {
		body := fmt.Sprintf(`{"add_alias":%q,"device":%q}`, number, device)
		if code, out, _ := r.HTTP(t, "PATCH", "/users/alice", body); code != 200 {
			t.Fatalf("%s: %d %v", number, code, out)
		}
	}
	inbound := func(number string) (*harness.Wire, string) { return trunk, trunk.CallIn("+4940999", number, "") }
	inside := func(number string) (*harness.Wire, string) { return carol, carol.DialNumber("carol", number) }
	for _, c := range []struct {
		call  func(number string) (*harness.Wire, string)
		to    string
		rings []*harness.Wire
	}{
		{inbound, "+49302001", phones[:1]}, {inbound, "030/2001", phones[:1]}, {inbound, "+49302002", phones[1:2]}, {inbound, "+49302003", phones},
		{inside, "+49302001", phones[:1]}, {inside, "0302002", phones[1:2]}, {inside, "+49302003", phones}, {inside, "alice", phones},
	} {
		caller, id := c.call(c.to)
		for _, p := range c.rings {
			p.Reply(p.Request("INVITE"), 486, "busy", "", "")
			p.Request("ACK")
		}
		// the last of the phones that ring has answered: no other one rings
		if m := caller.Final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: %d", c.to, m.StatusCode())
		}
		for i, p := range phones {
			if m, err := p.Next(time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
				t.Errorf("%s: phone %d is sent %s", c.to, i, m.MethodName())
			}
		}
	}
	// What the user wants counts for that device as well.
	house.Settings(r, t, "alice", func(u *settings.User) { u.DoNotDisturb = true })
	if m := trunk.Final(trunk.CallIn("+4940999", "+49302001", ""), "INVITE"); m.StatusCode() != 486 {
		t.Errorf("do not disturb: %d", m.StatusCode())
	}
	house.Settings(r, t, "alice", func(u *settings.User) { u.DoNotDisturb, u.Unreachable = false, "carol" })
	desk.Register("alice", "Expires: 0")
	id := trunk.CallIn("+4940999", "+49302001", "")
	carol.Reply(carol.Request("INVITE"), 486, "busy", "", "")
	trunk.Final(id, "INVITE")
	if code, out, _ := r.HTTP(t, "GET", "/users/alice", ""); code != 200 || fmt.Sprint(out["direct"]) != "map[tel:+49302001:desk tel:+49302002:"+door+"]" {
		t.Errorf("%d %v", code, out)
	}
	if code, out, _ := r.HTTP(t, "PATCH", "/users/alice", `{"add_alias":"+49302004","device":"lost"}`); code != 404 {
		t.Errorf("a device that is not there: %d %v", code, out)
	}
	if code, out, _ := r.HTTP(t, "DELETE", "/users/"+url.PathEscape(string(alice))+"/devices/desk", ""); code != 200 {
		t.Errorf("%d %v", code, out)
	}
}
