package trunks

import (
	"context"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/rights"
	"tandem/test/harness"
)

// TestSitesAndGroupsSpelled: a user of --site Berlin --group Sales is held by all that is
// said of berlin and sales, however it is spelled there.
func TestSitesAndGroupsSpelled(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		cfg.Emergency.Sites = []config.EmergencySite{{Location: "https://lis.example.test/else"}, {Site: "berlin", Location: "https://lis.example.test/berlin"}}
	})
	users := []directory.AddUser{
		{AOR: "alice", Site: "Berlin", Extension: "100", Groups: []string{"Sales"}},
		{AOR: "bob", Site: " BERLIN", Extension: "101", Groups: []string{"sales "}},
		{AOR: "carol", Groups: []string{"other"}},
	}
	phones := map[string]*harness.Wire{}
	for _, u := range users {
		name := string(u.AOR)
		u.AOR, u.Password = rtc.AOR("sip:"+name+"@"+harness.Domain), harness.Password
		if _, err := r.S.Directory().Add(context.Background(), u); err != nil {
			t.Fatal(err)
		}
		phones[name] = r.Dial(t, "udp")
		phones[name].Register(name)
	}
	pstn := r.RawTrunk(t, "pstn", nil)
	rule := func(level policy.Level, name, object string) policy.Rule {
		return policy.Rule{Key: policy.Key{Level: level, Name: name, Action: rights.Call, Object: object}, Reason: "spelled"}
	}
	if err := r.S.Policy().Set(harness.Soon(t), rule(policy.Site, "berlin", "+493011*"), rule(policy.Group, "sales", "+493012*")); err != nil {
		t.Fatal(err)
	}
	for key, kind := range map[guard.Key]string{{Level: guard.Site, Name: "berlin"}: "mobile", {Level: guard.Group, Name: "SALES"}: "national"} {
		key.Kind = kind
		if err := r.S.Guard().Set(harness.Soon(t), guard.Limit{Key: key, Closed: []string{"mon-sun 00:00-24:00"}}); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, _ := r.HTTP(t, "POST", "/dialplan/rules", `{"name":"shut","site":"berlin","match":"77","route":"refuse spelled"}`); code/100 != 2 {
		t.Fatal(code, out)
	}
	if err := r.S.Consent().Set(harness.Soon(t), "sip:carol@"+harness.Domain, consent.Rule{Kind: consent.Group, Name: "sales", Action: consent.Block}); err != nil {
		t.Fatal(err)
	}
	alice := phones["alice"]
	for what, c := range map[string]struct {
		dialled string
		code    int
		why     string
	}{
		"policy of a site":    {"+49301100", 403, "spelled"},
		"policy of a group":   {"+49301200", 403, "spelled"},
		"dial plan of a site": {"77", 403, "spelled"},
		"limit of a site":     {"+491711234567", 403, "mobile calls of site berlin"},
		"limit of a group":    {"+49891234567", 403, "national calls of group SALES"},
		"consent of a group":  {"carol", 404, ""},
	} {
		m := alice.Final(alice.DialNumber("alice", c.dialled), "INVITE")
		if m.StatusCode() != c.code || !strings.Contains(string(m.Bytes()), c.why) {
			t.Errorf("%s: %d, want %d %s\n%s", what, m.StatusCode(), c.code, c.why, m.Bytes())
		}
		alice.Ack(m, "sip:"+c.dialled+"@"+harness.Domain)
	}
	for what, dialled := range map[string]string{"extension of a site": "101", "intercom within a group": "*80bob"} {
		id := alice.DialNumber("alice", dialled)
		phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "x", "", "")
		phones["bob"].Request("ACK")
		if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: %d", what, m.StatusCode())
		}
	}
	alice.DialNumber("alice", "112")
	m := pstn.Request("INVITE")
	if g := harness.Header(m, "Geolocation"); g != "<https://lis.example.test/berlin>" {
		t.Errorf("emergency site: Geolocation %q", g)
	}
	pstn.Reply(m, 486, "p", "", "")
}

// TestOneSpelling: a rule or limit takes the place of one whose site is spelled
// otherwise, an extension is taken at the site in any spelling, and what is there can be
// unset by any.
func TestOneSpelling(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	ctx := harness.Soon(t)
	for _, name := range []string{"Berlin", "berlin"} {
		if err := r.S.Policy().Set(ctx, policy.Rule{Key: policy.Key{Level: policy.Site, Name: name, Action: rights.Call}, Allow: name == "Berlin"}); err != nil {
			t.Fatal(err)
		}
		if err := r.S.Guard().Set(ctx, guard.Limit{Key: guard.Key{Level: guard.Site, Name: name}, Calls: len(name)}); err != nil {
			t.Fatal(err)
		}
	}
	if rules := r.S.Policy().Rules(); len(rules) != 1 || rules[0].Name != "Berlin" || rules[0].Allow {
		t.Errorf("rules %+v", rules)
	}
	if limits := r.S.Guard().Limits(); len(limits) != 1 || limits[0].Name != "Berlin" {
		t.Errorf("limits %+v", limits)
	}
	if err := r.S.Policy().Unset(ctx, policy.Key{Level: policy.Site, Name: "BERLIN", Action: rights.Call}); err != nil || len(r.S.Policy().Rules()) != 0 {
		t.Errorf("unset: %v, %+v", err, r.S.Policy().Rules())
	}
	if err := r.S.Guard().Unset(ctx, guard.Key{Level: guard.Site, Name: "BERLIN"}); err != nil || len(r.S.Guard().Limits()) != 0 {
		t.Errorf("unset: %v, %+v", err, r.S.Guard().Limits())
	}
	first := directory.AddUser{AOR: "sip:dora@" + harness.Domain, Site: "Berlin", Extension: "100", Groups: []string{"Sales", "sales"}}
	second := directory.AddUser{AOR: "sip:emil@" + harness.Domain, Site: "berlin", Extension: "100"}
	if _, err := r.S.Directory().Add(ctx, first); err != nil {
		t.Fatal(err)
	}
	if u, _ := r.S.Directory().User(first.AOR); len(u.Groups) != 1 || u.Groups[0] != "Sales" || u.Site != "Berlin" {
		t.Errorf("kept as %+v", u)
	}
	if _, err := r.S.Directory().Add(ctx, second); err == nil {
		t.Error("the extension of a site is given twice")
	}
}

// TestAreaOfTheSite: what a user dials without an area code, or as an outside line, is
// read as at his site; what the site does not say holds as everywhere.
func TestAreaOfTheSite(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		cfg.Numbers.Area = "30"
		cfg.Numbers.Sites = []config.NumbersSite{{Site: "München", Area: "89", Outside: "9"}, {Site: "Wien", Country: "AT"}}
	})
	trunk := r.RawTrunk(t, "pstn", func(g *gateways.Trunk) { g.Prefixes = []string{"+"} })
	if err := r.S.Groups().Add(harness.Soon(t), group.Group{AOR: "sip:sales@" + harness.Domain, Numbers: []string{"+49303456789"}, Members: []string{"alice"}}); err != nil {
		t.Fatal(err)
	}
	dials := map[string]*harness.Wire{}
	for name, site := range map[string]string{"alice": "", "bob": "MÜNCHEN", "carol": "wien"} {
		if _, err := r.S.Directory().Add(context.Background(), directory.AddUser{AOR: rtc.AOR("sip:" + name + "@" + harness.Domain), Site: site, Password: harness.Password}); err != nil {
			t.Fatal(err)
		}
		if err := r.S.Policy().Set(harness.Soon(t), policy.Rule{Key: policy.Key{Level: policy.User, Name: "sip:" + name + "@" + harness.Domain, Action: rights.Call}, Allow: true}); err != nil {
			t.Fatal(err)
		}
		dials[name] = r.Dial(t, "udp")
		dials[name].Register(name)
	}
	for _, c := range []struct{ who, number, want string }{
		{"alice", "2345678", "+49302345678"}, {"bob", "2345678", "+49892345678"}, {"bob", "90302345678", "+49302345678"},
		{"carol", "012345678", "+4312345678"}, {"bob", "3456789", "+49893456789"}, // no group's, which has that number in Berlin
	} {
		id := dials[c.who].DialNumber(c.who, c.number)
		m := trunk.Request("INVITE")
		if got := string(m.RequestURI()); !strings.HasPrefix(got, "sip:"+c.want+"@") {
			t.Errorf("%s dials %s: %s is called, want %s", c.who, c.number, got, c.want)
		}
		trunk.Reply(m, 486, "x", "", "")
		trunk.Request("ACK")
		dials[c.who].Ack(dials[c.who].Final(id, "INVITE"), "")
	}
	r.NothingLeft(t)
}
