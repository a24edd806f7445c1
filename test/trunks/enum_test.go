package trunks

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestENUM: what DNS says of a number (RFC 6116, RFC 4769) stands before the trunks,
// and never leads to another number.
func TestENUM(t *testing.T) {
	records := new(sync.Map) // texts by name
	dnsAddr := harness.Zone(t, records)
	var data string
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		data = cfg.Data
		cfg.DNS.Servers, cfg.Numbers.ENUM = []string{dnsAddr}, []string{"e164.example"}
		cfg.Proxy.UsersTo = []string{"127.0.0.0/8"}
	})
	r.User("alice", "bob")
	usual := r.RawTrunk(t, "usual", func(t *gateways.Trunk) { t.Prefixes = []string{"+49"} })
	other := r.RawTrunk(t, "other", func(t *gateways.Trunk) { t.Prefixes = []string{"+1"} })
	ported := r.RawTrunk(t, "ported", func(t *gateways.Trunk) { t.Prefixes, t.Ported = []string{"+4999"}, dialect.On })
	bob, alice, friend := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	bob.Register("bob")
	for _, c := range []struct {
		number, record string
		at             *harness.Wire
		want           string // beginning of the Request-URI, "" for any
	}{
		{"+4930111", `"u" "E2U+sip" "!^.*$!sip:bob@` + harness.Domain + `!"`, bob, ""},
		{"+4930222", `"u" "E2U+sip" "!^(.*)$!sip:\\1@` + other.Local.String() + `!"`, other, "sip:+4930222@"},
		{"+4930333", `"u" "E2U+pstn:tel" "!^(.*)$!tel:\\1;npdi;rn=+4999123!"`, ported, "sip:+4930333;npdi;rn=+4999123@"},
		{"+4930444", `"u" "E2U+pstn:tel" "!^.*$!tel:+19005551234;npdi;rn=+19005551234!"`, usual, "sip:+4930444@"},
		{"+4930555", `"u" "E2U+sip" "!^.*$!sip:+19005551234@` + other.Local.String() + `!"`, usual, "sip:+4930555@"},
		{"+4930666", "", usual, "sip:+4930666@"},
		{"+4930777", `"u" "E2U+sip" "!^.*$!sip:friend@` + friend.Local.String() + `!"`, friend, "sip:friend@"},
	} {
		name := ""
		for _, d := range c.number[1:] {
			name = string(d) + "." + name
		}
		if c.record != "" {
			records.Store(name+"e164.example.", "10 10 "+c.record+" .")
		}
		id := alice.DialNumber("alice", c.number)
		m := c.at.Request("INVITE")
		if !strings.HasPrefix(string(m.RequestURI()), c.want) {
			t.Errorf("%s reaches %s as %s, want %s", c.number, c.at.Local, m.RequestURI(), c.want)
		}
		c.at.Reply(m, 486, "x", "", "")
		c.at.Request("ACK")
		if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: the caller gets %d", c.number, m.StatusCode())
		}
	}
	for _, number := range []string{"+19005551234", "+1900555123499"} { // policy is asked first
		id := alice.DialNumber("alice", number)
		if m := alice.Final(id, "INVITE"); m.StatusCode() != 403 && m.StatusCode() != 404 {
			t.Errorf("%s: %d", number, m.StatusCode())
		}
	}
	// An address elsewhere that cannot be called is followed by the trunks.
	records.Store("8.8.8.0.3.9.4.e164.example.", `10 10 "u" "E2U+sip" "!^.*$!sip:friend@`+friend.Local.String()+`!" .`)
	id := alice.DialNumber("alice", "+4930888")
	m := friend.Request("INVITE")
	if strings.Contains(string(m.Bytes()), "P-Asserted-Identity") { // of the trust domain (RFC 3325 §7)
		t.Errorf("a stranger is told\n%s", m.Bytes())
	}
	friend.Reply(m, 503, "x", "", "")
	m = usual.Request("INVITE")
	usual.Reply(m, 486, "x", "", "")
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
		t.Errorf("the caller gets %d", m.StatusCode())
	}
	// A trunk that DNS names and that is down does not stand before one that is up.
	records.Store("2.2.2.0.3.9.4.e164.example.", `10 10 "u" "E2U+sip" "!^(.*)$!sip:\\1@`+other.Local.String()+`!" .`)
	for range 3 {
		r.S.Trunks().Table().ByName("other").Missed("it does not answer")
	}
	id = alice.DialNumber("alice", "+4930222")
	m = usual.Request("INVITE")
	house.Silent(t, "the trunk that is down", other)
	if _, told, _ := r.HTTP(t, "GET", "/dialplan/explain?user=alice&number=%2B4930222", ""); !strings.Contains(fmt.Sprint(told), "trunk other takes no calls now") {
		t.Errorf("explained: %v", told)
	}
	usual.Reply(m, 486, "x", "", "")
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
		t.Errorf("the caller gets %d", m.StatusCode())
	}
	// With all trunks at rest the caller hears of it as without ENUM.
	if err := r.S.Trunks().Change(harness.Soon(t), "usual", func(t *gateways.Trunk) error { t.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	id = alice.DialNumber("alice", "+4930666")
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 503 || !strings.Contains(string(m.Get(sip.HdrWarning)), "takes calls now") {
		t.Errorf("all trunks are disabled, and the caller gets\n%s", m.Bytes())
	}
	k, err := client.Dial(filepath.Join(data, "tandem.sock"))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Steps []struct{ What, Name, Verdict string }
	}
	if err := k.Get(harness.Soon(t), "/dialplan/explain?user=alice&number=%2B4930111", &out); err != nil {
		t.Fatal(err)
	}
	told := false
	for _, s := range out.Steps {
		told = told || s.What == "enum" && strings.Contains(s.Name, "bob") && strings.Contains(s.Verdict, "rings")
	}
	if !told {
		t.Errorf("explained without DNS: %+v", out)
	}
	if m, err := other.Next(0, (*sip.Message).IsRequest); err == nil {
		t.Errorf("another number was called: %s", m.RequestURI())
	}
}
