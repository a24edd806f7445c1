package phones

import (
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// TestUnasked: neither a gateway nor another user has a phone restart, and no gateway has
// it call somebody. How many messages wait, and other news, anybody may say.
func TestUnasked(t *testing.T) {
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob")
	if err := r.S.Directory().AddAlias(t.Context(), "sip:alice@"+harness.Domain, "tel:+49301234567"); err != nil {
		t.Fatal(err)
	}
	gateway, alice, bob := r.RawTrunk(t, "berlin", nil), r.Dial(t, "udp"), r.Dial(t, "udp")
	alice.Register("alice")
	trusted := r.Dial(t, "trusted")
	trusted.From = "sip:provisioning@elsewhere.test"
	gateway.From = "sip:+491701234567@" + gateway.Local.String()
	const over = "Subscription-State: terminated\n"
	for _, c := range []struct {
		by                   *harness.Wire
		user, method, header string
		code                 int
	}{
		{gateway, "gw", "NOTIFY", "Event: check-sync;reboot=true\n" + over, 481},
		{gateway, "gw", "NOTIFY", "Event: message-summary\n" + over, 200},
		{gateway, "gw", "REFER", "Refer-To: <sip:+19005551234@" + harness.Domain + ">\n", 403},
		{bob, "bob", "NOTIFY", "Event: check-sync;reboot=true\n" + over, 481},
		{bob, "bob", "NOTIFY", "Event: reboot\n" + over, 481},
		{bob, "bob", "NOTIFY", "o: resync\n" + over, 481},
		{bob, "bob", "NOTIFY", "Event: service-control\n" + over, 481},
		{bob, "bob", "NOTIFY", "Event: message-summary\n" + over, 200},
		{gateway, "gw", "NOTIFY", "Event: telephone-event\n" + over, 200},
		{trusted, "provisioning", "NOTIFY", "Event: check-sync\n" + over, 200},
		{bob, "bob", "REFER", "Refer-To: <sip:bob@" + harness.Domain + ">\n", 200},
	} {
		for _, to := range []string{"sip:alice@" + harness.Domain, "sip:+49301234567@" + harness.Domain} {
			asked := make(chan string, 1)
			go func() { asked <- c.by.Ask(c.method, c.user, to, c.header, "") }()
			if c.code == 200 {
				alice.Reply(alice.Request(c.method), 200, "a", "", "")
			}
			if m := c.by.Final(<-asked, c.method); m.StatusCode() != c.code {
				t.Errorf("%s %s of %s to %s is answered %d, want %d", c.method, c.header, c.user, to, m.StatusCode(), c.code)
			}
		}
	}
	if m, err := alice.Next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("the phone gets\n%s", m.Bytes())
	}
}
