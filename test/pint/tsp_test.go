package pint

import (
	"strings"
	"sync"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/pint"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// TestPINTProvider: the telephone provider that a request names (tsp) carries the call: by
// its trunk, or by a trunk of its group, though another would come first, by its priority
// and by what DNS says of the number. A provider that is not reached from here is none.
func TestPINTProvider(t *testing.T) {
	const ruri, m, to = "R2C@pint.bt.co.uk", "m=audio 1  voice -", "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44"
	for _, row := range []struct {
		name    string
		replace []string
		trunk   string // "" when it is refused
	}{
		{"none", nil, "pstn"},
		{"by its trunk, in the Request-URI", []string{ruri, ruri + ";tsp=Telco.com"}, "london"},
		{"by its trunk, in the description", []string{m, m + "\na=tsp=telco.com"}, "london"},
		{"by its trunk, in To", []string{to, "<" + to + ";tsp=telco.com>"}, "london"},
		{"by its group", []string{ruri, ruri + ";tsp=carrier.example"}, "leeds"},
		{"by a trunk that is no more", []string{ruri, ruri + ";tsp=gone.example"}, "gone"},
		{"not reached", []string{ruri, ruri + ";tsp=telco.org"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			records := new(sync.Map)
			dnsAddr := harness.Zone(t, records)
			r, q, alice, pstn := pintRig(t, func(cfg *config.Config) {
				cfg.DNS.Servers, cfg.Numbers.ENUM = []string{dnsAddr}, []string{"e164.example"}
				cfg.PINT.Providers = []config.PINTProvider{{TSP: "telco.com", Trunk: "london"}, {TSP: "carrier.example", Trunk: "north"}, {TSP: "gone.example", Trunk: "gone"}}
			})
			records.Store("6.5.4.3.2.1.5.4.3.4.4.e164.example.", `10 10 "u" "E2U+sip" "!^(.*)$!sip:\\1@`+pstn.Local.String()+`!" .`)
			trunk := func(name, group string) *harness.Wire {
				return r.RawTrunk(t, name, func(t *gateways.Trunk) { t.Prefixes, t.Priority, t.Group = []string{"*"}, 9, group })
			}
			ways := map[string]*harness.Wire{"pstn": pstn, "london": trunk("london", ""), "leeds": trunk("leeds", "north")}
			text := q.example(t, "4.9", row.replace...)
			ok := q.invite(t, text)
			if row.trunk == "" {
				if ok.StatusCode() != 606 || !strings.Contains(string(ok.Get(sip.HdrWarning)), "is not reached from here") {
					t.Errorf("answered\n%s", ok.Bytes())
				}
				return
			}
			q.plainAck(ok, text)
			way := ways[row.trunk]
			if way != nil {
				alice.Answer(alice.Request("INVITE"), 200, "a", 30000)
				alice.Request("ACK")
				way.Reply(way.Request("INVITE"), 603, "b", "", "")
				alice.Reply(alice.Request("BYE"), 200, "", "", "")
			}
			q.Reply(q.Request("BYE"), 200, "", "", "")
			s := pintSession(r, t)
			switch {
			case way != nil && s.Code == 603:
				if rec := r.Records(t, 1)[0]; rec.Tried[len(rec.Tried)-1].Trunk != row.trunk {
					t.Errorf("record %+v", rec)
				}
			case way != nil || s.Code != 503 || s.State != pint.Failed: // nobody rings for nothing
				t.Errorf("%+v", s)
			}
			r.NothingLeft(t)
			for name, w := range ways {
				if m, err := w.Next(0, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.INVITE }); err == nil && name != row.trunk {
					t.Errorf("%s was asked, too:\n%s", name, m.Bytes())
				}
			}
		})
	}
}
