package calls

import (
	"context"
	"testing"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestExtensions: an extension is that of a user of the caller's own site, else of a user
// without a site; a number for help is nobody's extension. A colleague is picked up by it, and a message
// reaches who has no site.
func TestExtensions(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	phones := map[string]*harness.Wire{}
	for _, u := range []struct{ name, site, extension string }{
		{"alice", "Berlin", "100"}, {"bob", "Berlin", "101"}, {"carol", "München", "100"}, {"dave", "München", "103"},
		{"erik", "", "200"}, {"frank", "Berlin", "112"}, {"gina", "München", "200"},
	} {
		aor, err := r.S.Directory().ParseAOR(u.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.S.Directory().Add(context.Background(), directory.AddUser{AOR: aor, Site: u.site, Extension: u.extension,
			Groups: []string{"staff"}, Password: harness.Password}); err != nil {
			t.Fatal(err)
		}
		phones[u.name] = r.Dial(t, "udp")
		phones[u.name].Register(u.name)
	}
	for _, c := range []struct{ caller, dials, called string }{
		{"bob", "100", "alice"}, {"dave", "100", "carol"}, {"erik", "200", "erik"}, {"alice", "200", "erik"}, {"dave", "200", "gina"},
		{"alice", "*31*101", "bob"}, {"dave", "101", ""}, {"erik", "100", ""}, {"bob", "112", ""}, {"bob", "103", ""},
	} {
		caller := phones[c.caller]
		id := caller.DialNumber(c.caller, c.dials)
		if c.called != "" {
			phones[c.called].Reply(phones[c.called].Request("INVITE"), 486, "x", "", "")
			phones[c.called].Request("ACK")
		}
		m := caller.Final(id, "INVITE")
		caller.Ack(m, "sip:"+c.dials+"@"+harness.Domain)
		if busy := m.StatusCode() == 486; busy != (c.called != "") {
			t.Errorf("%s dials %s: %d", c.caller, c.dials, m.StatusCode())
		}
	}
	r.NothingLeft(t)
	phones["alice"].Ask("MESSAGE", "alice", "sip:200@"+harness.Domain, "Content-Type: text/plain", "Hello")
	m := phones["erik"].Request("MESSAGE")
	phones["erik"].Reply(m, 200, "", "", "")
	id := phones["carol"].DialNumber("carol", "103")
	rings := phones["dave"].Request("INVITE")
	phones["dave"].Reply(rings, 180, "x", "", "")
	phones["carol"].Status(180, id)
	taken := phones["gina"].DialNumber("gina", "**103")
	if m := phones["gina"].Final(taken, "INVITE"); m.StatusCode() != 200 {
		t.Errorf("a pickup by extension: %d", m.StatusCode())
	}
}

// TestTransferToExtension: a gateway is replaced by whoever has an extension.
func TestTransferToExtension(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	trunk := r.RawTrunk(t, "pstn", nil)
	alice := phoneOf(t, r, "alice", directory.AddUser{Extension: "100"})
	bob := phoneOf(t, r, "bob", directory.AddUser{Extension: "101"})
	id := alice.DialNumber("alice", "0301234567")
	trunk.Answer(trunk.Request("INVITE"), 200, "x", 30002)
	alice.Ack(alice.Final(id, "INVITE"), "")
	c := house.CallOf(r, "alice")
	if err := c.Transfer(harness.Soon(t), "callee", "101"); err != nil {
		t.Fatal(err)
	}
	bob.Request("INVITE")
}

// TestGatewayTransfersToExtension: to a gateway an extension is that of the site of whom
// it speaks with, else of a user without a site.
func TestGatewayTransfersToExtension(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	trunk := r.RawTrunk(t, "pstn", nil)
	phones := map[string]*harness.Wire{
		"alice": phoneOf(t, r, "alice", directory.AddUser{Site: "Berlin", Aliases: []rtc.AOR{"tel:+4930200"}}),
		"bob":   phoneOf(t, r, "bob", directory.AddUser{Site: "Berlin", Extension: "101"}),
		"carol": phoneOf(t, r, "carol", directory.AddUser{Extension: "101"}),
		"dave":  phoneOf(t, r, "dave", directory.AddUser{Extension: "102"}),
	}
	for extension, want := range map[string]string{"101": "bob", "102": "dave"} {
		g := &harness.Talker{Wire: trunk, User: "gw", ID: trunk.CallIn("+4940999", "+4930200", ""), Port: 31010, Seq: 10}
		a := r.Answers(phones["alice"], "alice", 31000)
		g.Connected()
		if m := g.Asks("REFER", "Refer-To: <sip:"+extension+"@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
			t.Fatalf("a transfer to %s is answered %d", extension, m.StatusCode())
		}
		k := r.Answers(phones[want], want, 31020)
		g.Ok("BYE", "", "")
		a.Reoffered()
		a.HangsUp()
		k.Ok("BYE", "", "")
	}
	r.NothingLeft(t)
}
