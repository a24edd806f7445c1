package events

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/policy/consent"
	"tandem/test/harness"
)

// Lines that phones of three makers subscribe to a lamp with.
var lampPhones = map[string]string{
	"Snom":    "Accept: application/dialog-info+xml\nSupported: gruu, replaces\nUser-Agent: snomD785/10.1",
	"Polycom": "Accept: application/dialog-info+xml\nAccept-Language: en\nSupported: eventlist\nUser-Agent: PolycomVVX-VVX_410-UA/5.9",
	"Yealink": "Accept: application/dialog-info+xml,multipart/related,application/rlmi+xml\nAllow-Events: talk,hold,conference,refer,check-sync\nUser-Agent: Yealink SIP-T46S 66.84",
}

// A lamp follows a call through ringing, answer, hold and end.
func TestLamp(t *testing.T) {
	t.Parallel() // it waits
	for make, lines := range lampPhones {
		t.Run(make, func(t *testing.T) {
			r := harness.StartServer(t, harness.LedCalls)
			r.User("alice", "bob", "carol")
			a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "udp")
			a.Register("alice")
			b.Register("bob")
			k, first := r.Watch(c, "carol", "bob", "dialog", lines)
			if text := string(first.Body()); strings.Count(text, "<dialog ") != 1 || !strings.Contains(text, "terminated") || !strings.Contains(text, `version="0"`) {
				t.Errorf("an idle lamp: %s", text)
			}
			caller := r.Invites(a, "alice", harness.BobURI, 41000)
			invite := b.Request("INVITE")
			b.Reply(invite, 180, "ringing", "Contact: "+b.Contact("bob")+"\n", "")
			if text := string(k.Until("<state>early</state>").Body()); !strings.Contains(text, `direction="recipient"`) || !strings.Contains(text, harness.AliceURI) {
				t.Errorf("%s", text)
			}
			callee := &harness.Talker{Wire: b, User: "bob", Port: 41002, Seq: 10}
			callee.Accept(invite)
			b.Request("ACK")
			caller.Connected()
			k.Until("<state>confirmed</state>")
			caller.Say("INVITE", "", caller.SDP("a=sendonly\n"))
			callee.Reoffered()
			caller.Final(caller.ID, "INVITE")
			caller.AckIt("")
			own, now := r.Watch(c, "carol", "alice", "dialog", lines)
			if !strings.Contains(string(now.Body()), "sip.rendering") {
				own.Until("sip.rendering") // alice holds
			}
			caller.Say("BYE", "", "")
			k.Until("<state>terminated</state>")
			own.Until("<state>terminated</state>")
		})
	}
}

func TestPlaceIsTheSameInEveryDomain(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.LedCalls(cfg)
		cfg.Domains = append(cfg.Domains, "second.test")
	})
	r.User("alice", "bob", "carol")
	a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "tcp")
	a.Register("alice")
	b.Register("bob")
	lamp, _ := r.Watch(c, "carol", "*57@second.test", "dialog")
	_, callee := r.Call(a, b, "alice", "bob", 41000)
	a.Agrees.Store(true)
	wantCode(t, callee.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", ""), 202)
	b.Agrees.Store(true)
	lamp.Until("confirmed")
}

// A lamp shows every call of a line, first that which rings: by it the lamp's phone takes
// the call over, though the line talks.
func TestLampOfTwoCalls(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob", "carol", "dave")
	for _, name := range []string{"bob", "carol"} {
		err := r.S.Directory().Change(t.Context(), rtc.AOR("sip:"+name+"@"+harness.Domain), directory.Change{Groups: &[]string{"sales"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	a, b, c, d := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "udp"), r.Dial(t, "tcp")
	a.Register("alice")
	b.Register("bob")
	c.Register("carol")
	d.Register("dave")
	k, _ := r.Watch(c, "carol", "bob", "dialog")
	list := listOf(t, r, r.Dial(t, "tcp"), "carol", "dialog", "bob")
	caller, _ := r.Call(a, b, "alice", "bob", 41000)
	second := r.Invites(d, "dave", harness.BobURI, 41010)
	invite := b.Request("INVITE")
	b.Reply(invite, 180, "ringing", "Contact: "+b.Contact("bob")+"\n", "")
	early := "<state>early</state>"
	text := string(k.Until(`local-tag="ringing"`).Body())
	if strings.Count(text, "<dialog ") != 2 || strings.Index(text, early) > strings.Index(text, "<state>confirmed</state>") || strings.Contains(text[strings.Index(text, "confirmed"):], early) {
		t.Errorf("a line that talks and rings: %s", text)
	}
	if text := string(list.Until(`local-tag="ringing"`).Body()); strings.Count(text, "<dialog ") != 2 {
		t.Errorf("in a list: %s", text)
	}
	dialog := regexp.MustCompile(`call-id="([^"]+)" local-tag="([^"]+)" remote-tag="([^"]+)"`).FindStringSubmatch(text) // the first
	k2 := r.Invites(c, "carol", harness.BobURI, 41020, "Replaces: "+dialog[1]+";to-tag="+dialog[3]+";from-tag="+dialog[2]+";early-only\n")
	k2.Connected()
	b.Reply(b.Request("CANCEL"), 200, "ringing", "", "")
	b.Reply(invite, 487, "ringing", "", "")
	second.Connected()
	for _, lamp := range []*harness.Watcher{k, list} {
		text := string(lamp.Notified().Body())
		for strings.Count(text, "<dialog ") != 1 {
			text = string(lamp.Notified().Body())
		}
		if !strings.Contains(text, harness.AliceURI) || strings.Contains(text, "dave") {
			t.Errorf("after it was picked up: %s", text)
		}
	}
	caller.Say("BYE", "", "")
	k.Until("<state>terminated</state>")
}

// Who waits to see a lamp is shown to its owner, who decides.
func TestRFC3857LampWatcher(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "tcp")
	set := func(action consent.Action) {
		t.Helper()
		if err := r.S.Consent().Set(t.Context(), harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	set(consent.Confirm)
	own, _ := r.Watch(b, "bob", "bob", "dialog.winfo")
	beside, _ := r.Watch(b, "bob", "bob", "presence.winfo")
	k, first := r.Watch(a, "alice", "bob", "dialog")
	if state := value(first, "Subscription-State"); !strings.HasPrefix(state, "pending") {
		t.Errorf("alice is told %s", state)
	}
	if text := string(own.Until("alice").Body()); !strings.Contains(text, `status="pending" event="subscribe"`) || !strings.Contains(text, `package="dialog"`) {
		t.Errorf("%s", text)
	}
	set(consent.Allow)
	if state := value(k.Notified(), "Subscription-State"); !strings.HasPrefix(state, "active") {
		t.Errorf("alice is told %s", state)
	}
	own.Until(`status="active" event="approved"`)
	set(consent.Block)
	own.Until(`status="terminated" event="rejected"`)
	if m, err := beside.Hears(100 * time.Millisecond); err == nil && strings.Contains(string(m.Body()), "alice") {
		t.Errorf("she watches no presence: %s", m.Body())
	}
	_, m := r.Subscribes(a, "alice", "bob", "dialog.winfo", "", "")
	wantCode(t, m, 403)
}

// A lamp is the same, however the watcher and the callers spell whose it is.
func TestLampByAnySpelling(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "carol")
	add := directory.AddUser{AOR: harness.BobURI, Password: harness.Password, Extension: "101", Aliases: []rtc.AOR{"tel:+4930123", "sip:robert@" + harness.Domain}}
	if _, err := r.S.Directory().Add(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "tcp")
	a.Register("alice")
	b.Register("bob")
	var lamps []*harness.Watcher
	for _, about := range []string{"bob", "%62ob", "101", "+4930123", "robert", "bob@" + strings.ToUpper(harness.Domain), "bob@" + r.Addr["udp"].String(), harness.BobURI[4:] + ";user=phone"} {
		k, first := r.Watch(c, "carol", about, "dialog")
		if text := string(first.Body()); !strings.Contains(text, `entity="`+harness.BobURI+`"`) {
			t.Errorf("the lamp of %s is %s", about, text)
		}
		lamps = append(lamps, k)
	}
	for _, to := range []string{"101@" + harness.Domain, "%62ob@EXAMPLE.test"} {
		caller := r.Invites(a, "alice", "sip:"+to, 41000)
		r.Answers(b, "bob", 41002)
		caller.Connected()
		for _, k := range lamps {
			k.Until("<state>confirmed</state>")
		}
		caller.Say("BYE", "", "")
		b.Reply(b.Request("BYE"), 200, "", "", "")
		for _, k := range lamps {
			k.Until("<state>terminated</state>")
		}
	}
}
