package calls

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestGRUU: a call to a GRUU rings that device alone (RFC 5627 §3.2), and not for those
// whom the user refuses.
func TestGRUU(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob")
	alice, one, two := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	alice.Register("alice")
	gruu := func(w *harness.Wire, instance string) string {
		m := w.Register("bob", "Supported: gruu", "Contact: "+w.Contact("bob")+`;+sip.instance="<urn:uuid:`+instance+`>"`)
		for _, c := range strings.Split(string(m.Bytes()), "Contact: ") {
			if _, rest, ok := strings.Cut(c, `pub-gruu="`); ok && strings.Contains(c, instance) {
				uri, _, _ := strings.Cut(rest, `"`)
				return uri
			}
		}
		t.Fatalf("no GRUU in %s", m.Bytes())
		return ""
	}
	first := gruu(one, "00000000-0000-1000-8000-000000000001")
	gruu(two, "00000000-0000-1000-8000-000000000002")
	id := alice.Ask("INVITE", "alice", first, harness.SDPType, harness.SDPOf(30000, "0"))
	one.Reply(one.Request("INVITE"), 486, "b", "", "")
	alice.Ack(alice.Final(id, "INVITE"), first)
	if m, err := two.Next(300*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("the other device gets %s", m.MethodName())
	}
	house.Settings(r, t, "bob", func(u *settings.User) { u.RefuseAnonymous = true })
	id = alice.Ask("INVITE", "alice", first, "Privacy: id\n"+harness.SDPType, harness.SDPOf(30000, "0"))
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 433 {
		t.Errorf("an anonymous call: %d", m.StatusCode())
	}
}
