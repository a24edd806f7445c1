package events

import (
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// A message to a sips URI does not go in the clear, also when it was kept: it waits for
// a device by TLS, and holds up none that comes after it (RFC 5630 §5.3).
func TestKeptSecureMessage(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, nil)
	r.User("bob")
	from, clear := r.Dial(t, "trusted"), r.Dial(t, "udp")
	say := func(uri, text string) {
		t.Helper()
		if m := from.Final(from.Ask("MESSAGE", "alice", uri, "Content-Type: text/plain", text), "MESSAGE"); m.StatusCode()/100 != 2 {
			t.Fatalf("%s is answered\n%s", text, m.Bytes())
		}
	}
	say("sips:bob@"+harness.Domain, "secret")
	say(harness.BobURI, "public")
	clear.Register("bob")
	m := clear.Request("MESSAGE")
	if string(m.Body()) != "public" {
		t.Errorf("in the clear comes %q", m.Body())
	}
	clear.Reply(m, 200, "r", "", "")
	say("sips:bob@"+harness.Domain, "secret too")
	if m, err := clear.Next(500*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("in the clear comes %q", m.Body())
	}
	safe := r.Dial(t, "tls")
	safe.Register("bob")
	for _, text := range []string{"secret", "secret too"} {
		m := safe.Request("MESSAGE")
		if string(m.Body()) != text {
			t.Errorf("by TLS comes %q, want %q", m.Body(), text)
		}
		safe.Reply(m, 200, "r", "", "")
	}
}
