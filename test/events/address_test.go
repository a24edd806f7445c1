package events

import (
	"strconv"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/rtc/directory"
	"tandem/test/harness"
)

// A phone that knows the server by its address watches, calls, publishes and is told of
// its messages as one that knows the domain.
func TestServerAddressNamesUsers(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); atOnce(cfg) })
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	a.Register("alice")
	b.Register("bob")
	port := strconv.Itoa(int(r.Addr["udp"].Port()))
	for _, bob := range []string{"bob@" + harness.Domain + ":5060", "bob@" + harness.Domain + ":" + port, "bob@127.0.0.1:" + port, "bob@" + harness.Domain + ";user=phone"} {
		for _, event := range []string{"dialog", "presence"} {
			_, m := r.Subscribes(a, "alice", bob, event, "", "")
			if m.StatusCode() != 200 {
				t.Errorf("%s of %s: %d", event, bob, m.StatusCode())
			}
		}
		_, m := r.Subscribes(b, "bob", bob, "message-summary", "", "")
		wantCode(t, m, 200)
		wantCode(t, b.Final(b.Ask("PUBLISH", "bob", "sip:"+bob, harness.Filled("Event: presence\nContent-Type: application/pidf+xml"), pidfOf("bob", "open", "")), "PUBLISH"), 200)
		id := a.Ask("INVITE", "alice", "sip:"+bob, harness.SDPType, harness.SDPOf(30000, "0"))
		b.Reply(b.Request("INVITE"), 486, "x", "", "")
		b.Request("ACK")
		a.Ack(a.Final(id, "INVITE"), "")
	}
	// what is published there is seen here
	wantCode(t, b.Final(b.Ask("PUBLISH", "bob", "sip:bob@127.0.0.1:"+port, harness.Filled("Event: presence\nContent-Type: application/pidf+xml"), pidfOf("bob", "open", "meeting")), "PUBLISH"), 200)
	k, first := r.Watch(a, "alice", "bob", "presence")
	if !strings.Contains(string(first.Body()), "meeting") {
		k.Until("meeting")
	}
	if _, m := r.Subscribes(a, "alice", "nobody@127.0.0.1:"+port, "dialog", "", ""); m.StatusCode() != 404 {
		t.Errorf("nobody: %d", m.StatusCode())
	}
}

func TestPhoneOfServerAddressIsToldOfMessages(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("bob")
	b := r.Dial(t, "udp")
	b.From = "sip:bob@127.0.0.1:" + strconv.Itoa(int(r.Addr["udp"].Port()))
	wantCode(t, b.Final(b.Ask("REGISTER", "bob", b.From, "Expires: 300", ""), "REGISTER"), 200)
	wantCode(t, b.Final(b.Ask("SUBSCRIBE", "bob", b.From, harness.Filled("Event: message-summary\nExpires: 600"), ""), "SUBSCRIBE"), 200)
}

func TestNumberIsWatchedInEveryForm(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.Exchange(cfg); atOnce(cfg) })
	r.User("alice")
	if _, err := r.S.Directory().Add(t.Context(), directory.AddUser{AOR: harness.BobURI, Password: harness.Password, Numbers: []string{"+4930123456"}, Extension: "77"}); err != nil {
		t.Fatal(err)
	}
	a := r.Dial(t, "udp")
	for _, event := range []string{"dialog", "presence"} {
		for _, uri := range []string{"tel:+4930123456", "tel:+49-30-123456", "sip:+4930123456@" + harness.Domain, "sip:+4930123456@" + harness.Domain + ";user=phone", "sips:bob@" + harness.Domain,
			"tel:123456;phone-context=+4930", "tel:123-456;phone-context=+49-30", "tel:030123456;phone-context=" + harness.Domain, "tel:77;phone-context=" + harness.Domain,
			"sip:123456;phone-context=+4930@" + harness.Domain + ";user=phone"} {
			if m := a.Final(a.Ask("SUBSCRIBE", "alice", uri, harness.Filled("Event: "+event+"\nExpires: 600"), ""), "SUBSCRIBE"); m.StatusCode() != 200 {
				t.Errorf("%s of %s: %d", event, uri, m.StatusCode())
			}
		}
		for _, uri := range []string{"tel:+4930999999", "tel:123456;phone-context=+4940", "tel:77;phone-context=+4930", "tel:77;phone-context=elsewhere.test"} {
			if m := a.Final(a.Ask("SUBSCRIBE", "alice", uri, harness.Filled("Event: "+event+"\nExpires: 600"), ""), "SUBSCRIBE"); m.StatusCode() < 400 {
				t.Errorf("%s of a number that nobody has, %s: %d", event, uri, m.StatusCode())
			}
		}
	}
}
