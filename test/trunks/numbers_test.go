package trunks

import (
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/test/harness"
)

// TestNumberFormsOfGateways: a gateway may write the number called, and the
// caller's, in any form; the user with that number rings.
func TestNumberFormsOfGateways(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	aor, err := r.S.Directory().ParseAOR("carol")
	if err != nil {
		t.Fatal(err)
	}
	number := rtc.AOR("tel:+49305550100")
	if _, err := r.S.Directory().Add(harness.Soon(t), directory.AddUser{AOR: aor, Password: harness.Password, Aliases: []rtc.AOR{number}}); err != nil {
		t.Fatal(err)
	}
	gateway := r.RawTrunk(t, "berlin", func(t *gateways.Trunk) {
		t.Numbers, t.Format, t.In = []string{"+49305550*"}, dialect.FormatDigits, []gateways.Rule{{Match: "77", Strip: 2, Add: "+49305550"}}
	})
	carol := r.Dial(t, "udp")
	carol.Register("carol")
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
		id := gateway.CallIn(c.from, c.to, "")
		m := carol.Request("INVITE")
		if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@"+harness.Domain) {
			t.Errorf("%s: the phone is shown %s", c.from, from.URI)
		}
		carol.Reply(m, 486, "busy", "", "")
		carol.Request("ACK")
		if m := gateway.Final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: %d", c.to, m.StatusCode())
		}
	}
}

// TestTrunkGroupsOfOneGateway: two trunks at one address are told apart by tgrp and
// trunk-context (RFC 4904), in calls out and in.
func TestTrunkGroupsOfOneGateway(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	group := func(name, prefix string) func(*gateways.Trunk) {
		return func(t *gateways.Trunk) { t.TrunkGroup, t.Prefixes = name+"@gw.example.net", []string{prefix} }
	}
	gateway := r.RawTrunk(t, "city", group("tg1", "+4930"))
	r.Trunk(t, "far", "sip:"+gateway.Local.String(), func(t *gateways.Trunk) { t.Probe = dialect.ProbeOff; group("tg2", "+49")(t) })
	alice := r.Dial(t, "udp")
	alice.Register("alice")
	for number, label := range map[string]string{"+4930123456": "tg1", "+4989123456": "tg2"} {
		id := alice.DialNumber("alice", number)
		m := gateway.Request("INVITE")
		if want := "sip:" + number + ";tgrp=" + label + ";trunk-context=gw.example.net@"; !strings.HasPrefix(string(m.RequestURI()), want) {
			t.Errorf("%s is called as %s", number, m.RequestURI())
		}
		gateway.Reply(m, 486, "g", "", "")
		alice.Final(id, "INVITE")
		gateway.Request("ACK")
	}
	calls := 2
	for label, trunk := range map[string]string{"tg1": "city", "tg2": "far"} {
		id := gateway.CallIn("+491701234567;tgrp="+label+";trunk-context=gw.example.net", "alice", "")
		m := alice.Request("INVITE")
		if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@") {
			t.Errorf("the phone is shown %s", from.URI)
		}
		alice.Reply(m, 486, "a", "", "")
		alice.Request("ACK")
		gateway.Final(id, "INVITE")
		calls++
		found := false
		for _, rec := range r.Records(t, calls) {
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
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	aor, err := r.S.Directory().ParseAOR("carol")
	if err != nil {
		t.Fatal(err)
	}
	number := rtc.AOR("tel:+49305550100")
	if _, err := r.S.Directory().Add(harness.Soon(t), directory.AddUser{AOR: aor, Password: harness.Password, Aliases: []rtc.AOR{number}}); err != nil {
		t.Fatal(err)
	}
	alice, carol := r.Dial(t, "udp"), r.Dial(t, "udp")
	carol.Register("carol")
	for uri, found := range map[string]bool{
		"sip:+49305550100@" + harness.Domain:                        true,
		"sip:+49-30-5550100;npdi@" + harness.Domain + ";user=phone": true,
		"sip:0305550100@" + harness.Domain:                          true,
		"sip:%2B49305550100@" + harness.Domain:                      true,
		"tel:+49-30-5550100;npdi":                                   true,
		"sip:+4930555010@" + harness.Domain:                         false,
		"sip:+49305550100x@" + harness.Domain:                       false,
	} {
		id := alice.Ask("MESSAGE", "alice", uri, "Content-Type: text/plain", "hello")
		if found {
			carol.Reply(carol.Request("MESSAGE"), 200, "c", "", "")
		}
		if code := alice.Final(id, "MESSAGE").StatusCode(); found != (code == 200) {
			t.Errorf("%s: %d", uri, code)
		}
	}
}
