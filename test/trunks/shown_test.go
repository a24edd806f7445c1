package trunks

import (
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/test/harness"
)

// TestNumberShown: a user with several numbers is shown with the one he names, and with
// nobody else's. He himself is shown whom he speaks with at our own domain, where he can
// call back.
func TestNumberShown(t *testing.T) {
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob")
	for number, user := range map[string]string{"+49301234567": "alice", "+49301234568": "alice", "+49305550100": "bob"} {
		if err := r.S.Directory().AddAlias(t.Context(), rtc.AOR("sip:"+user+"@"+harness.Domain), "tel:"+number); err != nil {
			t.Fatal(err)
		}
	}
	gateway := r.RawTrunk(t, "berlin", nil)
	alice := r.Dial(t, "udp")
	first := ""
	for preferred, want := range map[string]string{
		"": "", "<tel:+49301234567>": "+49301234567", "<sip:+49301234568@" + harness.Domain + ";user=phone>": "+49301234568",
		"\"Alice\" <sip:0301234568@" + harness.Domain + ">": "+49301234568", "<tel:+49305550100>": "", "<sip:bob@" + harness.Domain + ">": "",
	} {
		lines := harness.SDPType
		if preferred != "" {
			lines += "P-Preferred-Identity: " + preferred + "\n"
		}
		id := alice.Ask("INVITE", "alice", "sip:+49301111111@"+harness.Domain, lines, harness.SDPOf(30000, "0"))
		m := gateway.Request("INVITE")
		from, _ := m.From()
		shown, _, _ := strings.Cut(strings.TrimPrefix(string(from.URI), "sip:"), "@")
		if want == "" {
			if want = first; first == "" {
				want, first = shown, shown
			}
		}
		if asserted := harness.Header(m, "P-Asserted-Identity"); shown != want || !strings.HasPrefix(asserted, "<sip:"+want+"@") || harness.Header(m, "P-Preferred-Identity") != "" {
			t.Errorf("%q is shown as %s, asserted %s, want %s", preferred, shown, asserted, want)
		}
		gateway.Answer(m, 200, "g", 30002)
		gateway.Request("ACK")
		ok := alice.Final(id, "INVITE")
		alice.Ack(ok, "")
		if who := harness.Header(ok, "P-Asserted-Identity"); who != "<sip:+49301111111@"+harness.Domain+";user=phone>" {
			t.Errorf("alice is told that she speaks with %s", who)
		}
		gateway.Bye(m, "g")
		alice.Reply(alice.Request("BYE"), 200, "", "", "")
		gateway.Final(string(m.CallID()), "BYE")
	}
}
