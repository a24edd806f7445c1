package events

import (
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
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

// A message to an extension goes to whom a call would reach: the colleague at the site of
// who writes, else the user without a site.
func TestMessageToExtension(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("rome", "paris", "anywhere", "lisbon")
	extension := "101"
	for user, site := range map[string]string{"rome": "Rome", "paris": "Paris", "anywhere": "", "lisbon": "Lisbon"} {
		c := directory.Change{Site: &site}
		if user != "lisbon" && user != "rome" {
			c.Extension = &extension
		}
		if err := r.S.Directory().Change(t.Context(), rtc.AOR("sip:"+user+"@"+harness.Domain), c); err != nil {
			t.Fatal(err)
		}
	}
	r.User("colleague")
	site := "rome"
	if err := r.S.Directory().Change(t.Context(), "sip:colleague@"+harness.Domain, directory.Change{Site: &site, Extension: &extension}); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"rome": "colleague", "lisbon": "anywhere"} {
		sender := r.Dial(t, "udp")
		sender.Register(from)
		id := sender.Ask("MESSAGE", from, "sip:101@"+harness.Domain, "Content-Type: text/plain", from)
		if m := sender.Final(id, "MESSAGE"); m.StatusCode() != 202 {
			t.Errorf("%s is told\n%s", from, m.Bytes())
		}
		queue := r.S.Messages().Queue(rtc.AOR("sip:" + to + "@" + harness.Domain))
		if len(queue) != 1 || queue[0].From != rtc.AOR("sip:"+from+"@"+harness.Domain) {
			t.Errorf("what %s writes to 101 is not at %s: %+v", from, to, queue)
		}
	}
}
