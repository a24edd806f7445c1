package phones

import (
	"context"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/interop/device"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/test/harness"
)

// at has a user have an extension at a site.
func (o *office) at(user, site, extension string, numbers ...string) {
	o.t.Helper()
	if err := o.Directory().Change(o.t.Context(), rtc.AOR("sip:"+user+"@example.com"), directory.Change{Site: &site, Extension: &extension, Numbers: &numbers}); err != nil {
		o.t.Fatal(err)
	}
}

func TestLoginByExtensionOfTheSite(t *testing.T) {
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "carol", "second"} {
		o.user(u)
	}
	o.at("alice", "Berlin", "100")
	o.at("carol", "Rom", "100")
	o.at("second", "Berlin", "101")
	second := o.place(t, "yealink", "001565000002", "second")
	r := harness.SocketClient(t, o.Server).Do("POST", "/users/alice/phone-pin", "")
	pin, _ := r.Body["pin"].(string)
	second.dialCode(t, "*11*100*"+pin+"#", second)
	if second.user != "alice" {
		t.Errorf("extension 100 of Berlin logs %s in", second.user)
	}
}

func TestPhonebookLeadsToWhomItNames(t *testing.T) {
	o := newOffice(t, nil)
	for _, u := range []string{"alice", "bob", "carol", "dave", "erin"} {
		o.user(u)
	}
	o.at("alice", "Berlin", "100")
	o.at("bob", "Berlin", "101")
	o.at("carol", "Rom", "100")
	o.at("dave", "Rom", "102", "+3906123456")
	o.at("erin", "", "103")
	o.phone(alicesMAC, "yealink", nil, "bob")
	_, file := o.ask("https", alicesMAC+".cfg", yealink(alicesMAC))
	book := between(file, "remote_phonebook.data.1.url = ", "\n")
	_, text := o.ask("https", book[strings.Index(book, "phonebook/"):], yealink(alicesMAC))
	for _, number := range []string{"100", "101", "carol", "+3906123456", "103"} {
		if strings.Count(text, ">"+number+"<") != 1 {
			t.Errorf("%s is not there once:\n%s", number, text)
		}
	}
}

// TestEmergencyFromWhereThePhoneStands: a call for help leaves by the trunk and with the
// location of the site at which the phone stands, and by that of its user's where nobody
// knows.
func TestEmergencyFromWhereThePhoneStands(t *testing.T) {
	o := newOffice(t, func(cfg *config.Config) {
		overUDP(cfg)
		cfg.Numbers.Country = "DE"
		cfg.Emergency.Sites = []config.EmergencySite{
			{Site: "Berlin", Trunk: "berlin", Caller: "+4930555", Location: "https://lis.example.test/berlin"},
			{Site: "Rom", Trunk: "rom", Caller: "+3906555", Location: "https://lis.example.test/rom"},
		}
	})
	trunks := map[string]*harness.Wire{}
	for _, name := range []string{"Berlin", "Rom"} {
		w := harness.DialUDP(t, o.Transport().Listeners()[0].Addr())
		trunk := gateways.Trunk{Name: strings.ToLower(name), Addresses: []string{"sip:" + w.Local.String()}, Prefixes: []string{"+49"}}
		trunk.Probe = dialect.ProbeOff
		if err := o.Trunks().Add(t.Context(), trunk); err != nil {
			t.Fatal(err)
		}
		trunks[name] = w
	}
	o.user("alice")
	o.at("alice", "Berlin", "100")
	desk, laptop := o.place(t, "yealink", alicesMAC, "alice"), o.laptop(t, "alice")
	for _, c := range []struct {
		from *device.Device
		site string // of the desk phone
		want string
	}{{desk.Device, "Rom", "Rom"}, {laptop.Device, "Rom", "Berlin"}, {desk.Device, "", "Berlin"}} {
		o.do(t, "PATCH", "/phones/"+alicesMAC, `{"site":"`+c.site+`"}`)
		ctx, cancel := context.WithCancel(t.Context())
		over := doing(func() { _, _ = c.from.Dial(ctx, "sip:112@example.com") }) // nobody answers
		first, others := c.want, map[string]string{"Rom": "Berlin", "Berlin": "Rom"}
		m := trunks[first].Request("INVITE")
		if where := harness.Header(m, "Geolocation"); !strings.Contains(where, strings.ToLower(c.want)) {
			t.Errorf("%q, want %s", where, c.want)
		}
		trunks[first].Reply(m, 486, "x", "", "")
		trunks[others[first]].Reply(trunks[others[first]].Request("INVITE"), 486, "y", "", "")
		cancel()
		over()
	}
}
