package trunks

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestEarlyMediaPolicy: where a trunk's early media is ignored the phone makes the
// ringing tone itself; the description it gets is the answer's.
func TestEarlyMediaPolicy(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	gateway := r.RawTrunk(t, "berlin", func(t *gateways.Trunk) { t.Early = dialect.EarlyIgnore })
	alice := r.Dial(t, "udp")
	id := alice.DialNumber("alice", "+49301234567")
	invite := gateway.Request("INVITE")
	gateway.Answer(invite, 183, "g", 30002)
	m, err := alice.Next(harness.Patience, func(m *sip.Message) bool { return !m.IsRequest() && m.StatusCode() > 100 && m.StatusCode() < 200 })
	if err != nil || m.StatusCode() != 180 || len(m.Body()) > 0 {
		t.Fatalf("%v: the phone gets\n%s", err, m.Bytes())
	}
	gateway.Answer(invite, 200, "g", 30002)
	gateway.Request("ACK")
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 200 || len(m.Body()) == 0 {
		t.Errorf("the answer is\n%s", m.Bytes())
	}
}

// TestReliablePolicy: provisional responses of a trunk are acknowledged (RFC 3262)
// where it may send reliable ones, and it is not told of that elsewhere.
func TestReliablePolicy(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	for policy, want := range map[dialect.Switch]bool{dialect.On: true, dialect.Off: false} {
		name := string(policy)
		gateway := r.RawTrunk(t, name, func(t *gateways.Trunk) {
			t.Reliable, t.Prefixes = policy, []string{"+4930" + map[bool]string{true: "1", false: "2"}[want]}
		})
		number := map[bool]string{true: "+493011111", false: "+493022222"}[want]
		alice := r.Dial(t, "udp")
		id := alice.DialNumber("alice", number)
		invite := gateway.Request("INVITE")
		if has := strings.Contains(string(invite.Get(sip.HdrSupported)), "100rel"); has != want {
			t.Errorf("reliable %s: Supported %s", policy, invite.Get(sip.HdrSupported))
		}
		if want {
			gateway.Reply(invite, 183, "g", "Contact: "+gateway.Contact("device")+"\nRequire: 100rel\nRSeq: 7\n"+harness.SDPType, harness.SDPOf(30002, "0"))
			prack := gateway.Request("PRACK")
			if got := string(prack.GetName("RAck")); !strings.HasPrefix(got, "7 ") {
				t.Errorf("RAck: %s", got)
			}
			gateway.Reply(prack, 200, "", "", "")
			alice.Status(183, id)
		}
		gateway.Reply(invite, 486, "g", "", "")
		gateway.Request("ACK")
		if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("reliable %s: %d", policy, m.StatusCode())
		}
	}
}

// TestKeyForm: a phone's keys reach a trunk in the form it wants, whichever the phone
// has: as events, or as tones where it knows none.
func TestKeyForm(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	for form, prefix := range map[dialect.Keys]string{dialect.KeysEvents: "+49301", dialect.KeysInband: "+49302"} {
		gateway := r.RawTrunk(t, string(form), func(t *gateways.Trunk) { t.Keys, t.Prefixes = form, []string{prefix} })
		far, near := house.Listen(t), house.Listen(t)
		alice := r.Dial(t, "udp")
		k := r.Invites(alice, "alice", "sip:"+prefix+"11111@"+harness.Domain, near.Port)
		invite := gateway.Request("INVITE")
		if has := strings.Contains(string(invite.Body()), "telephone-event"); has != (form == dialect.KeysEvents) {
			t.Errorf("%s: the trunk is offered\n%s", form, invite.Body())
		}
		body := harness.SDPOf(far.Port, "0")
		if form == dialect.KeysEvents {
			body = harness.SDPOf(far.Port, "0 101") + "a=rtpmap:101 telephone-event/8000\r\n"
		}
		gateway.Reply(invite, 200, "g", "Contact: "+gateway.Contact("device")+"\n"+harness.SDPType, body)
		gateway.Request("ACK")
		answer := k.Connected()
		at := house.MediaOf(t, answer)
		got := false
		for end := time.Now().Add(harness.Patience); !got && time.Now().Before(end); {
			pressed := make(chan struct{})
			go func() { defer close(pressed); near.Press(5, at) }()
			if form == dialect.KeysInband {
				got = far.Heard(770, 1336) != 0
			} else {
				got = far.Event(5)
			}
			<-pressed
		}
		if !got {
			t.Errorf("%s: the trunk gets no key", form)
		}
		k.HangsUp()
		gateway.Reply(gateway.Request("BYE"), 200, "", "", "")
	}
	r.NothingLeft(t)
}

// TestRedirects: a trunk that sends a call elsewhere is followed as far as policy
// lets whoever pays, to our trunks alone, and not in a circle. What is not followed
// goes to the next trunk.
func TestRedirects(t *testing.T) {
	var data string
	r := harness.StartServer(t, func(cfg *config.Config) { harness.Exchange(cfg); data = cfg.Data })
	r.User("alice")
	follow := func(t *gateways.Trunk) { t.Priority, t.Redirects = 1, dialect.RedirectsFollow }
	first, second := r.RawTrunk(t, "first", follow), r.RawTrunk(t, "second", priority(2))
	alice := r.Dial(t, "udp")
	const dialled = "+49301234567"
	done := 0
	for contact, want := range map[string]struct {
		at     *harness.Wire
		number string
	}{
		"tel:+49-40-555-1":                                            {first, "+49405551"},
		"sip:+49405552@" + second.Local.String():                      {second, "+49405552"},
		"sip:0405553@192.0.2.9":                                       {first, "+49405553"},
		"tel:+49405554>;q=0.2, <tel:+49405555>;q=0.7, <tel:+49405557": {first, "+49405557"},
		"sip:+19005551234@" + second.Local.String():                   {second, dialled},
		"tel:+8816123456789":                                          {second, dialled},
		"sip:112@" + second.Local.String():                            {second, dialled},
		"sip:operator@192.0.2.9":                                      {second, dialled},
	} {
		id := alice.DialNumber("alice", dialled)
		first.Reply(first.Request("INVITE"), 302, "f", "Contact: <"+contact+">\n", "")
		first.Request("ACK")
		m := want.at.Request("INVITE")
		if !strings.HasPrefix(string(m.RequestURI()), "sip:"+want.number+"@") {
			t.Errorf("%s leads to %s, want %s", contact, m.RequestURI(), want.number)
		}
		if has := strings.Contains(string(m.GetName("Diversion")), dialled); has != (want.number != dialled) {
			t.Errorf("%s: Diversion %s", contact, m.GetName("Diversion"))
		}
		want.at.Reply(m, 486, "s", "", "")
		want.at.Request("ACK")
		if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
			t.Errorf("%s: the caller gets %d", contact, m.StatusCode())
		}
		done++
		if rec := r.Records(t, done)[0]; rec.Number != want.number || rec.Payer != "sip:alice@"+harness.Domain || len(rec.Tried) != 2 || rec.Tried[0].Code != 302 {
			t.Errorf("%s: record %+v", contact, rec)
		}
	}
	id := alice.DialNumber("alice", dialled)
	for range 2 { // to the same number again
		first.Reply(first.Request("INVITE"), 302, "f", "Contact: <tel:"+dialled+">\n", "")
		first.Request("ACK")
	}
	second.Reply(second.Request("INVITE"), 486, "s", "", "")
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
		t.Errorf("in a circle: the caller gets %d", m.StatusCode())
	}
	for _, number := range []string{"+19005551234", "+8816123456789"} {
		refusedInAudit(t, filepath.Join(data, "tandem.sock"), "numbers/"+number)
	}
}

// refusedInAudit waits for a refused call in the audit log.
func refusedInAudit(t *testing.T, socket, resource string) {
	t.Helper()
	k, err := client.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(harness.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		type row struct{ Resource, Outcome string }
		rows, err := client.All[row](context.Background(), k, "/audit", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Resource == resource && r.Outcome == "failed" {
				return
			}
		}
	}
	t.Errorf("%s is not in the audit log", resource)
}

// TestNumbersOfATrunksCountry: callers and numbers called that a trunk writes without
// the country's code are of its own country, with separators, contexts and the
// parameters of ported numbers (RFC 4694).
func TestNumbersOfATrunksCountry(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange) // a house in Germany
	aor, err := r.S.Directory().ParseAOR("bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.S.Directory().Add(harness.Soon(t), directory.AddUser{AOR: aor, Password: harness.Password, Aliases: []rtc.AOR{"tel:+442079460999"}}); err != nil {
		t.Fatal(err)
	}
	london := r.RawTrunk(t, "london", func(t *gateways.Trunk) { t.Country, t.CallerID = "GB", dialect.CallerRemote })
	bob := r.Dial(t, "udp")
	bob.Register("bob")
	for _, c := range []struct{ from, to, lines, want string }{
		{"02079460123", "+442079460999", "", "+442079460123"},
		{"0049301234567", "02079460999", "", "+49301234567"},
		{"+13125550123", "020-7946-0999", "", "+13125550123"},
		{"anonymous", "+442079460999;npdi;rn=+442079400000", "Remote-Party-ID: <sip:02079460124@192.0.2.1>;party=calling\n", "+442079460124"},
		{"2079460125;phone-context=+44", "2079460999;phone-context=+44", "", "+442079460125"},
	} {
		id := london.CallIn(c.from, c.to, c.lines)
		invite := bob.Request("INVITE")
		if from, _ := invite.From(); !strings.HasPrefix(string(from.URI), "sip:"+c.want+"@"+harness.Domain) {
			t.Errorf("%s calls %s: the phone is shown %s, want %s", c.from, c.to, from.URI, c.want)
		}
		bob.Reply(invite, 486, "b", "", "")
		bob.Request("ACK")
		london.Final(id, "INVITE")
	}
	for _, rec := range r.Records(t, 5) {
		if rec.Number != "+442079460999" || !strings.HasPrefix(string(rec.From), "tel:+") {
			t.Errorf("record %+v", rec)
		}
	}
}
