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
