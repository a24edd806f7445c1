package test

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
)

// TestEmergency: a call for help goes out when all calls and channels are taken, the
// user may call nobody and withholds the number; by the site's trunk first and by
// any other then, with the number by which the site is called back.
func TestEmergency(t *testing.T) {
	r := startServer(t, func(cfg *config.Config) {
		exchange(cfg)
		cfg.Telephony.Calls = 1
		cfg.Emergency.Sites = []config.EmergencySite{{Trunk: "help", Caller: "+49305555", Location: "https://lis.example.test/berlin"}}
	})
	r.user("alice", "bob")
	pstn := r.rawTrunk(t, "pstn", func(t *gateways.Trunk) { t.Channels = 1 })
	help := r.rawTrunk(t, "help", func(t *gateways.Trunk) { t.Prefixes, t.Channels = []string{"+999"}, 1 })
	alice, bob := r.dial(t, "udp"), r.dial(t, "udp")
	deny := policy.Rule{Key: policy.Key{Level: policy.User, Name: "sip:alice@" + domain, Action: rights.Call}, Reason: "nobody"}
	if err := r.s.Policy().Set(soon(t), deny); err != nil {
		t.Fatal(err)
	}
	r.set(t, "alice", func(u *settings.User) { u.Withhold = true })
	// bob's call takes the only call there may be, and the channel
	bob.dialNumber("bob", "+49301234567")
	pstn.answer(pstn.request("INVITE"), 200, "p", 30002)
	pstn.request("ACK")
	if code := alice.final(alice.dialNumber("alice", "+49301234567"), "INVITE").StatusCode(); code != 403 && code != 503 {
		t.Fatalf("an ordinary call is answered %d", code)
	}
	for _, uri := range []string{"sip:112@" + domain, "sip:+49112@" + domain, "tel:110;phone-context=" + domain, "urn:service:sos", "urn:service:sos.fire"} {
		t.Run(uri, func(t *testing.T) {
			id := alice.ask("INVITE", "alice", uri, sdpType, sdpOf(30000, "0 8"))
			m := help.request("INVITE")
			if pai := header(m, "P-Asserted-Identity"); !strings.Contains(pai, "+49305555@") || header(m, "Privacy") != "" {
				t.Errorf("the number to call back: %q, Privacy %q", pai, header(m, "Privacy"))
			}
			if g := header(m, "Geolocation"); g != "<https://lis.example.test/berlin>" {
				t.Errorf("Geolocation %q", g)
			}
			help.reply(m, 486, "h", "", "") // even busy: the next may answer
			help.request("ACK")
			m = pstn.request("INVITE")
			pstn.answer(m, 200, "p", 30004)
			alice.ack(alice.final(id, "INVITE"), "")
			pstn.bye(m, "p")
			pstn.request("ACK")
		})
	}
	var list []cdr.Record
	for end := time.Now().Add(patience); len(list) < 5; time.Sleep(10 * time.Millisecond) {
		var err error
		list, err = r.s.Records().List(soon(t), cdr.Query{User: "sip:alice@" + domain, State: cdr.Completed})
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
	r := startServer(t, func(cfg *config.Config) {
		exchange(cfg)
		cfg.Emergency.Sites = []config.EmergencySite{{Location: "https://lis.example.test/berlin"}}
	})
	r.user("alice")
	pstn, alice := r.rawTrunk(t, "pstn", nil), r.dial(t, "udp")
	const pidf = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:alice@example.test"/>`
	body := fmt.Sprintf("--x\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--x\r\nContent-Type: application/pidf+xml\r\nContent-ID: <here@example.test>\r\n\r\n%s\r\n--x--\r\n",
		sdpOf(30000, "0"), pidf)
	alice.ask("INVITE", "alice", "sip:112@"+domain, "Content-Type: multipart/mixed;boundary=x\nGeolocation: <cid:here@example.test>\nGeolocation-Routing: no\n", body)
	m := pstn.request("INVITE")
	if header(m, "Geolocation") != "<cid:here@example.test>" || header(m, "Geolocation-Routing") != "no" {
		t.Errorf("Geolocation %q, routing %q", header(m, "Geolocation"), header(m, "Geolocation-Routing"))
	}
	part, ok := m.FindPart("application/pidf+xml")
	if !ok || string(part.Body) != pidf || string(part.Get("Content-ID")) != "<here@example.test>" {
		t.Errorf("the document: %v %q\n%s", ok, part.Header, part.Body)
	}
	if sdp, ok := m.FindPart("application/sdp"); !ok || !strings.Contains(string(sdp.Body), "m=audio") {
		t.Errorf("the description: %v\n%s", ok, sdp.Body)
	}
	pstn.reply(m, 486, "p", "", "")
}
