package test

import (
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/directory"
)

// TestNumberFormsOfGateways: a gateway may write the number called, and the
// caller's, in any form; the user with that number rings.
func TestNumberFormsOfGateways(t *testing.T) {
	r := startServer(t, exchange)
	aor, err := r.s.Directory().ParseAOR("carol")
	if err != nil {
		t.Fatal(err)
	}
	number := rtc.AOR("tel:+49305550100")
	if _, err := r.s.Directory().Add(soon(t), directory.AddUser{AOR: aor, Password: password, Aliases: []rtc.AOR{number}}); err != nil {
		t.Fatal(err)
	}
	gateway := r.rawTrunk(t, "berlin", func(t *gateways.Trunk) {
		t.Numbers, t.Format, t.In = []string{"+49305550*"}, dialect.FormatDigits, []gateways.Rule{{Match: "77", Strip: 2, Add: "+49305550"}}
	})
	carol := r.dial(t, "udp")
	carol.register("carol")
	for _, c := range []struct{ from, to string }{
		{"+491701234567", "+49305550100"},
		{"+49-170-1234567", "+49-30-5550100"},
		{"+491701234567;cpc=ordinary", "+49305550100;npdi"},
		{"+491701234567", "+49305550100;rn=+4919912;npdi;cic=+4933"},
		{"+491701234567", "+49305550100;tgrp=tg1;trunk-context=example.net"},
		{"491701234567", "49305550100"},
		{"01701234567", "0305550100"},
		{"00491701234567", "0049305550100"},
		{"%2B491701234567", "%2B49305550100"},
		{"+491701234567", "77100"}, // as the trunk has it changed
	} {
		id := gateway.callIn(c.from, c.to, "")
		m := carol.request("INVITE")
		if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@"+domain) {
			t.Errorf("%s: the phone is shown %s", c.from, from.URI)
		}
		carol.reply(m, 486, "busy", "", "")
		carol.request("ACK")
		if m := gateway.final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: %d", c.to, m.StatusCode())
		}
	}
}

// TestTrunkGroupsOfOneGateway: two trunks at one address are told apart by tgrp and
// trunk-context (RFC 4904), in calls out and in.
func TestTrunkGroupsOfOneGateway(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	group := func(name, prefix string) func(*gateways.Trunk) {
		return func(t *gateways.Trunk) { t.TrunkGroup, t.Prefixes = name+"@gw.example.net", []string{prefix} }
	}
	gateway := r.rawTrunk(t, "city", group("tg1", "+4930"))
	r.trunk(t, "far", "sip:"+gateway.local.String(), func(t *gateways.Trunk) { t.Probe = dialect.ProbeOff; group("tg2", "+49")(t) })
	alice := r.dial(t, "udp")
	alice.register("alice")
	for number, label := range map[string]string{"+4930123456": "tg1", "+4989123456": "tg2"} {
		id := alice.dialNumber("alice", number)
		m := gateway.request("INVITE")
		if want := "sip:" + number + ";tgrp=" + label + ";trunk-context=gw.example.net@"; !strings.HasPrefix(string(m.RequestURI()), want) {
			t.Errorf("%s is called as %s", number, m.RequestURI())
		}
		gateway.reply(m, 486, "g", "", "")
		alice.final(id, "INVITE")
		gateway.request("ACK")
	}
	calls := 2
	for label, trunk := range map[string]string{"tg1": "city", "tg2": "far"} {
		id := gateway.callIn("+491701234567;tgrp="+label+";trunk-context=gw.example.net", "alice", "")
		m := alice.request("INVITE")
		if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@") {
			t.Errorf("the phone is shown %s", from.URI)
		}
		alice.reply(m, 486, "a", "", "")
		alice.request("ACK")
		gateway.final(id, "INVITE")
		calls++
		found := false
		for _, rec := range r.records(t, calls) {
			found = found || rec.CallIDs[0] == id && rec.Trunk == trunk
		}
		if !found {
			t.Errorf("a call that names %s is not recorded as of %s", label, trunk)
		}
	}
}

// TestNumberFormsOfMessages: what passes the proxy finds the user of a number by
// every form of it, too, and nobody by a number that only resembles it.
func TestNumberFormsOfMessages(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	aor, err := r.s.Directory().ParseAOR("carol")
	if err != nil {
		t.Fatal(err)
	}
	number := rtc.AOR("tel:+49305550100")
	if _, err := r.s.Directory().Add(soon(t), directory.AddUser{AOR: aor, Password: password, Aliases: []rtc.AOR{number}}); err != nil {
		t.Fatal(err)
	}
	alice, carol := r.dial(t, "udp"), r.dial(t, "udp")
	carol.register("carol")
	for uri, found := range map[string]bool{
		"sip:+49305550100@" + domain:                        true,
		"sip:+49-30-5550100;npdi@" + domain + ";user=phone": true,
		"sip:0305550100@" + domain:                          true,
		"sip:%2B49305550100@" + domain:                      true,
		"tel:+49-30-5550100;npdi":                           true,
		"sip:+4930555010@" + domain:                         false,
		"sip:+49305550100x@" + domain:                       false,
	} {
		id := alice.ask("MESSAGE", "alice", uri, "Content-Type: text/plain", "hello")
		if found {
			carol.reply(carol.request("MESSAGE"), 200, "c", "", "")
		}
		if code := alice.final(id, "MESSAGE").StatusCode(); found != (code == 200) {
			t.Errorf("%s: %d", uri, code)
		}
	}
}
