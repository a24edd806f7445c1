package pint

import (
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// seen is the caller of an INVITE as its receiver sees it.
func seen(invite *sip.Message) string {
	from, _ := invite.From()
	who, _, _ := strings.Cut(string(from.URI), ";")
	return who
}

// TestPINTCaller: whom each party sees: the other one, or the number that the service has
// for it; and nobody when the other one's number is withheld (clir). A gateway is told who
// it is all the same, and to withhold it.
func TestPINTCaller(t *testing.T) {
	r, q, alice, gateway := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{
			{Name: "R2C", Kind: "r2c", PerMinute: 100, Same: 1},
			{Name: "sales", Kind: "r2c", PerMinute: 100, Same: 1, CallerIDA: "+442079460001", CallerIDB: "+442079460002"},
		}
	})
	const m, to = "m=audio 1  voice -", "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44"
	for _, row := range []struct {
		name             string
		replace          []string
		atB, atA, proved string // From as B and A see it; as whom the gateway is told it is
		withheld         bool
	}{
		{"each other", nil, "sip:+44345123456@" + harness.Domain, "sip:+4417948331013@" + harness.Domain, "+4417948331013", false},
		{"numbers of the service", []string{"R2C@", "sales@"}, "sip:+442079460002@" + harness.Domain, "sip:+442079460001@" + harness.Domain, "+442079460001", false},
		{"B withheld", []string{m, m + "\na=clir:true"}, "sip:+44345123456@" + harness.Domain, "sip:anonymous@anonymous.invalid", "+4417948331013", true},
		{"A withheld", []string{to, "<" + to + ";clir=true>"}, "sip:anonymous@anonymous.invalid", "sip:+4417948331013@" + harness.Domain, "+4417948331013", false},
	} {
		text := q.example(t, "4.9", row.replace...)
		ok := q.invite(t, text)
		q.plainAck(ok, text)
		first := alice.Request("INVITE")
		alice.Answer(first, 200, "b", 30000)
		alice.Request("ACK")
		second := gateway.Request("INVITE")
		if atB, atA := seen(first), seen(second); atB != row.atB || atA != row.atA {
			t.Errorf("%s: B sees %s, A %s; want %s, %s", row.name, atB, atA, row.atB, row.atA)
		}
		if proved, privacy := string(second.GetName("P-Asserted-Identity")), string(second.Get(sip.HdrPrivacy)); !strings.HasPrefix(proved, "<sip:"+row.proved+"@") || (privacy == "id") != row.withheld {
			t.Errorf("%s: the gateway is told %q, Privacy %q", row.name, proved, privacy)
		}
		if row.name == "A withheld" && strings.Contains(string(first.Bytes()), "345123456") {
			t.Errorf("B is told all the same:\n%s", first.Bytes())
		}
		gateway.Reply(second, 603, "a", "", "")
		hungUp(alice)
		q.Reply(q.Request("BYE"), 200, "", "", "")
	}
	r.NothingLeft(t)
}
