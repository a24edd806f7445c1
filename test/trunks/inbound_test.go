package trunks

import (
	"fmt"
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// called has a gateway call a number that rings a phone, and tells by which trunk the
// record says that it came.
func called(t *testing.T, r *harness.Rig, gateway, phone *harness.Wire, number string, calls int) (trunk string) {
	t.Helper()
	id := gateway.CallIn("+491701234567", number, "")
	if m := gateway.Status(100, id); m.StatusCode() != 100 {
		t.Fatalf("%s is answered %d", number, m.StatusCode())
	}
	phone.Reply(phone.Request("INVITE"), 486, "b", "", "")
	gateway.Final(id, "INVITE")
	return recordOf(t, r.Records(t, calls), id).Trunk
}

// recordOf is the record of the call with a Call-ID.
func recordOf(t *testing.T, list []cdr.Record, callID string) cdr.Record {
	t.Helper()
	for _, rec := range list {
		if rec.CallIDs[0] == callID {
			return rec
		}
	}
	t.Fatalf("no record of %s in %+v", callID, list)
	return cdr.Record{}
}

// TestNumbersWithoutPlus: a gateway of which nothing is said writes the numbers of the
// house in E.164 with '+', without it, or as they are dialled in its country.
func TestNumbersWithoutPlus(t *testing.T) {
	r := harness.StartServer(t, harness.LedCalls)
	r.User("bob")
	if err := r.S.Directory().AddAlias(t.Context(), harness.BobURI, "tel:+49305550100"); err != nil {
		t.Fatal(err)
	}
	gateway := r.RawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Numbers = []string{"+4930555*"} })
	bob := r.Dial(t, "udp")
	bob.Register("bob")
	for i, number := range []string{"+49305550100", "49305550100", "49305550100;npdi", "0049305550100", "0305550100"} {
		called(t, r, gateway, bob, number, i+1)
	}
	for _, number := range []string{"49305550199", "4930555", "49409990100"} {
		if m := gateway.Final(gateway.CallIn("+491701234567", number, ""), "INVITE"); m.StatusCode() != 404 {
			t.Errorf("%s is answered %d, want 404", number, m.StatusCode())
		}
	}
}

// TestTrunksOfOneAddress: of two trunks at one address a call is that one's which has the
// number, as with two accounts at one provider.
func TestTrunksOfOneAddress(t *testing.T) {
	r := harness.StartServer(t, harness.LedCalls)
	r.User("bob")
	for _, number := range []string{"+49305550100", "+49305550200", "+49305550300"} {
		if err := r.S.Directory().AddAlias(t.Context(), harness.BobURI, "tel:"+number); err != nil {
			t.Fatal(err)
		}
	}
	gateway := r.RawTrunk(t, "first", func(t *gateways.Trunk) { t.Numbers = []string{"+49305550100"} })
	second := func(name string, numbers ...string) {
		r.Trunk(t, name, "sip:"+gateway.Local.String(), func(t *gateways.Trunk) {
			t.Prefixes, t.Numbers, t.Probe = []string{"+43"}, numbers, "off"
		})
	}
	second("second", "+493055502*")
	bob := r.Dial(t, "udp")
	bob.Register("bob")
	for i, c := range []struct{ number, trunk string }{{"+49305550100", "first"}, {"+49305550200", "second"}, {"0305550200", "second"}} {
		if got := called(t, r, gateway, bob, c.number, i+1); got != c.trunk {
			t.Errorf("the call for %s came by %s, want %s", c.number, got, c.trunk)
		}
	}
	if m := gateway.Final(gateway.CallIn("+491701234567", "+49305550300", ""), "INVITE"); m.StatusCode() != 404 {
		t.Errorf("a number of neither is answered %d", m.StatusCode())
	}

	// Whom only another gateway has, this one does not get.
	other := r.RawTrunk(t, "elsewhere", func(t *gateways.Trunk) { t.Numbers = []string{"+49305550300"} })
	if m := gateway.Final(gateway.CallIn("+491701234567", "+49305550300", ""), "INVITE"); m.StatusCode() != 404 {
		t.Errorf("a number of another gateway is answered %d", m.StatusCode())
	}
	if got := called(t, r, other, bob, "+49305550300", 6); got != "elsewhere" {
		t.Errorf("it came by %s", got)
	}
}

// TestAliasAsDialled: a user is given a number as it is dialled in the country, and
// gateways reach him by it.
func TestAliasAsDialled(t *testing.T) {
	r := harness.StartServer(t, harness.LedCalls)
	r.User("bob")
	for _, alias := range []string{"030 5550400", "0049305550500", "0815"} {
		if code, out, _ := r.HTTP(t, "PATCH", "/users/bob", `{"add_alias":"`+alias+`"}`); code != 200 {
			t.Fatal(alias, code, out)
		}
	}
	gateway, bob := r.RawTrunk(t, "berlin", nil), r.Dial(t, "udp")
	bob.Register("bob")
	for i, number := range []string{"+49305550400", "+49305550500"} {
		called(t, r, gateway, bob, number, i+1)
	}
	_, u, _ := r.HTTP(t, "GET", "/users/bob", "")
	if got := fmt.Sprint(u["aliases"]); !strings.Contains(got, "sip:0815@") {
		t.Errorf("aliases %s, want that which is no number as it is", got)
	}
}
