package trunks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/rtc/policy"
	"tandem/telephony/cdr"
	"tandem/telephony/rights"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestEmergency: a call for help goes out when all calls and channels are taken, the
// user may call nobody and withholds the number; by the site's trunk first and by
// any other then, with the number by which the site is called back.
func TestEmergency(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		cfg.Telephony.Calls = 1
		cfg.Emergency.Sites = []config.EmergencySite{{Trunk: "help", Caller: "+49305555", Location: "https://lis.example.test/berlin"}}
	})
	r.User("alice", "bob")
	pstn := r.RawTrunk(t, "pstn", func(t *gateways.Trunk) { t.Channels = 1 })
	help := r.RawTrunk(t, "help", func(t *gateways.Trunk) { t.Prefixes, t.Channels = []string{"+999"}, 1 })
	alice, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	deny := policy.Rule{Key: policy.Key{Level: policy.User, Name: "sip:alice@" + harness.Domain, Action: rights.Call}, Reason: "nobody"}
	if err := r.S.Policy().Set(harness.Soon(t), deny); err != nil {
		t.Fatal(err)
	}
	house.Settings(r, t, "alice", func(u *settings.User) { u.Withhold = true })
	// bob's call takes the only call there may be, and the channel
	bob.DialNumber("bob", "+49301234567")
	pstn.Answer(pstn.Request("INVITE"), 200, "p", 30002)
	pstn.Request("ACK")
	if code := alice.Final(alice.DialNumber("alice", "+49301234567"), "INVITE").StatusCode(); code != 403 && code != 503 {
		t.Fatalf("an ordinary call is answered %d", code)
	}
	for _, uri := range []string{"sip:112@" + harness.Domain, "sip:+49112@" + harness.Domain, "tel:110;phone-context=" + harness.Domain, "urn:service:sos", "urn:service:sos.fire"} {
		t.Run(uri, func(t *testing.T) {
			id := alice.Ask("INVITE", "alice", uri, harness.SDPType, harness.SDPOf(30000, "0 8"))
			m := help.Request("INVITE")
			if pai := harness.Header(m, "P-Asserted-Identity"); !strings.Contains(pai, "+49305555@") || harness.Header(m, "Privacy") != "" {
				t.Errorf("the number to call back: %q, Privacy %q", pai, harness.Header(m, "Privacy"))
			}
			if g := harness.Header(m, "Geolocation"); g != "<https://lis.example.test/berlin>" {
				t.Errorf("Geolocation %q", g)
			}
			help.Reply(m, 486, "h", "", "") // even busy: the next may answer
			help.Request("ACK")
			m = pstn.Request("INVITE")
			pstn.Answer(m, 200, "p", 30004)
			alice.Ack(alice.Final(id, "INVITE"), "")
			pstn.Bye(m, "p")
			pstn.Request("ACK")
		})
	}
	var list []cdr.Record
	for end := time.Now().Add(harness.Patience); len(list) < 5; time.Sleep(10 * time.Millisecond) {
		var err error
		list, err = r.S.Records().List(harness.Soon(t), cdr.Query{User: "sip:alice@" + harness.Domain, State: cdr.Completed})
		if err != nil || time.Now().After(end) {
			t.Fatalf("%v, %d records", err, len(list))
		}
	}
	for _, rec := range list {
		if len(rec.Story) != 1 || rec.Story[0].What != cdr.Emergency || rec.Kind != "emergency" || len(rec.Tried) != 2 {
			t.Errorf("record %+v", rec)
		}
	}
}

// TestEmergencyLocation: where the phone says it is passes on, header and document.
func TestEmergencyLocation(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		cfg.Emergency.Sites = []config.EmergencySite{{Location: "https://lis.example.test/berlin"}}
	})
	r.User("alice")
	pstn, alice := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp")
	const pidf = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:alice@example.test"/>`
	body := fmt.Sprintf("--x\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--x\r\nContent-Type: application/pidf+xml\r\nContent-ID: <here@example.test>\r\n\r\n%s\r\n--x--\r\n",
		harness.SDPOf(30000, "0"), pidf)
	alice.Ask("INVITE", "alice", "sip:112@"+harness.Domain, "Content-Type: multipart/mixed;boundary=x\nGeolocation: <cid:here@example.test>\nGeolocation-Routing: no\n", body)
	m := pstn.Request("INVITE")
	if harness.Header(m, "Geolocation") != "<cid:here@example.test>" || harness.Header(m, "Geolocation-Routing") != "no" {
		t.Errorf("Geolocation %q, routing %q", harness.Header(m, "Geolocation"), harness.Header(m, "Geolocation-Routing"))
	}
	part, ok := m.FindPart("application/pidf+xml")
	if !ok || string(part.Body) != pidf || string(part.Get("Content-ID")) != "<here@example.test>" {
		t.Errorf("the document: %v %q\n%s", ok, part.Header, part.Body)
	}
	if sdp, ok := m.FindPart("application/sdp"); !ok || !strings.Contains(string(sdp.Body), "m=audio") {
		t.Errorf("the description: %v\n%s", ok, sdp.Body)
	}
	pstn.Reply(m, 486, "p", "", "")
}
