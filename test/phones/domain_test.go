package phones

import (
	"fmt"
	"slices"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/interop/boot"
	"tandem/interop/device"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/sipphone"
	"tandem/telephony/feature"
	"tandem/test/harness"
)

// TestPhoneOfAnotherDomain: each line of a phone is written the domain of its user, and
// registers there. Those left out know no domain beside the address of the server, or one
// for all lines.
func TestPhoneOfAnotherDomain(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { c.Domains = append(c.Domains, "second.example") })
	o.user("alice")
	if _, err := o.Directory().Add(t.Context(), directory.AddUser{AOR: "sip:dora@second.example"}); err != nil {
		t.Fatal(err)
	}
	dialects, err := device.Dialects()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range boot.Phones() {
		if slices.Contains([]string{"3com", "cisco-7960", "cisco-enterprise", "patton", "unify"}, p.Family) {
			continue
		}
		mac := sipphone.MAC(fmt.Sprintf("0004f20000%02x", i+1))
		users := []rtc.AOR{"sip:dora@second.example", "sip:alice@example.com"}
		if err := o.Phones().Inventory.Add(t.Context(), sipphone.Phone{MAC: mac, Family: p.Family, Lines: []sipphone.Line{{User: users[0]}, {User: users[1]}}}); err != nil {
			t.Fatal(err)
		}
		setup, err := p.Boot(t.Context(), string(mac), o.get(&p, string(mac)))
		if err != nil {
			t.Fatalf("%s: %v", p.Family, err)
		}
		d := dialects[slices.IndexFunc(dialects, func(d *device.Dialect) bool { return d.Name == p.Dialect })]
		for n, a := range setup.Accounts {
			if a.Domain != users[n].Domain() {
				t.Errorf("%s: line %d of %s is written the domain %q", p.Family, n+1, users[n], a.Domain)
				continue
			}
			o.register(t, d, a)
		}
	}
}

// TestLoginInTheDomainOfThePhone: whoever logs in by name is looked for in the domain of
// the phone's own user.
func TestLoginInTheDomainOfThePhone(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { c.Domains = append(c.Domains, "second.example") })
	o.user("alice")
	for _, u := range []rtc.AOR{"sip:alice@second.example", "sip:dora@second.example"} {
		if _, err := o.Directory().Add(t.Context(), directory.AddUser{AOR: u}); err != nil {
			t.Fatal(err)
		}
	}
	const mac = sipphone.MAC("001565000002")
	if err := o.Phones().Inventory.Add(t.Context(), sipphone.Phone{MAC: mac, Family: "yealink", Lines: []sipphone.Line{{User: "sip:dora@second.example"}}}); err != nil {
		t.Fatal(err)
	}
	r := harness.SocketClient(t, o.Server).Do("POST", "/users/alice@second.example/phone-pin", "")
	pin, _ := r.Body["pin"].(string)
	if err := o.Phones().Dialled(t.Context(), mac.Device(1), feature.Code{Kind: feature.Hotdesk, Arg: "alice*" + pin}); err != nil {
		t.Fatal(err)
	}
	if p, err := o.Phones().Inventory.Get(mac); err != nil || len(p.Lines) != 1 || p.Lines[0].User != "sip:alice@second.example" {
		t.Errorf("logged in: %+v, %v", p.Lines, err)
	}
}
