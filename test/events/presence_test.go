package events

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// atOnce has every change told at once.
func atOnce(cfg *config.Config) { cfg.Presence.Interval = 0 }

func TestPresence(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	k, first := r.Watch(a, "alice", "bob", "presence")
	if !strings.Contains(string(first.Body()), "<basic>closed</basic>") || value(first, "Content-Type") != "application/pidf+xml" {
		t.Errorf("%s", first.Bytes())
	}
	b.Register("bob")
	k.Until("<basic>open</basic>")
	m := publish(b, "bob", "Expires: 300", pidfOf("bob", "open", "away"))
	wantCode(t, m, 200)
	k.Until("<rpid:away/>")
	tag := value(m, "SIP-ETag")
	m = publish(b, "bob", "Expires: 300\nSIP-If-Match: "+tag, "") // a refresh tells nobody
	wantCode(t, m, 200)
	if value(m, "SIP-ETag") == tag || value(m, "Expires") != "300" {
		t.Errorf("%s", m.Bytes())
	}
	wantCode(t, publish(b, "bob", "Expires: 300\nSIP-If-Match: "+tag, ""), 412)
	if m, err := k.Hears(500 * time.Millisecond); err == nil {
		t.Errorf("a refresh was told\n%s", m.Bytes())
	}
	tag = value(m, "SIP-ETag")
	m = publish(b, "bob", "SIP-If-Match: "+tag, pidfOf("bob", "open", "busy"))
	k.Until("<rpid:busy/>")
	wantCode(t, publish(b, "bob", "Expires: 0\nSIP-If-Match: "+value(m, "SIP-ETag"), ""), 200)
	if text := string(k.Notified().Body()); strings.Contains(text, "busy") || !strings.Contains(text, "<basic>open</basic>") {
		t.Errorf("%s", text)
	}
}

// A device that published by a connection is gone with it.
func TestDeviceVanishes(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "tcp")
	k, _ := r.Watch(a, "alice", "bob", "presence")
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "")), 200)
	k.Until("open")
	b.Close()
	start := time.Now()
	k.Until("<basic>closed</basic>")
	t.Logf("told after %s", time.Since(start).Round(time.Millisecond))
}

// Of two devices one vanishes; the other stays.
func TestTwoDevices(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	a, b, c := r.Dial(t, "udp"), r.Dial(t, "tcp"), r.Dial(t, "tcp")
	k, _ := r.Watch(a, "alice", "bob", "presence")
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "")), 200)
	k.Until("open")
	wantCode(t, publish(c, "bob", "", pidfOf("bob", "open", "away")), 200)
	if text := string(k.Notified().Body()); strings.Contains(text, "away") || strings.Count(text, "<tuple") != 2 {
		t.Errorf("he is at one of two devices\n%s", text)
	}
	b.Close()
	if text := string(k.Until("<rpid:away/>").Body()); strings.Count(text, "<tuple") != 1 {
		t.Errorf("%s", text)
	}
}

func TestManualStatusAndCall(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); atOnce(cfg) })
	r.User("alice", "bob", "carol")
	a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "tcp")
	a.Register("alice")
	b.Register("bob")
	k, _ := r.Watch(c, "carol", "bob", "presence")
	caller, _ := r.Call(a, b, "alice", "bob", 41000)
	k.Until("<rpid:on-the-phone/>")
	set := func(m presence.Manual) {
		t.Helper()
		if err := r.S.Presence().SetManual(context.Background(), harness.BobURI, m); err != nil {
			t.Fatal(err)
		}
	}
	set(presence.Manual{Activity: "meeting", Note: "do not disturb"})
	if text := string(k.Until("<rpid:meeting/>").Body()); strings.Contains(text, "on-the-phone") || !strings.Contains(text, "do not disturb") {
		t.Errorf("%s", text)
	}
	set(presence.Manual{Activity: "offline"})
	k.Until("<basic>closed</basic>")
	set(presence.Manual{})
	k.Until("<rpid:on-the-phone/>")
	caller.Say("BYE", "", "")
	if text := string(k.Notified().Body()); strings.Contains(text, "on-the-phone") {
		t.Errorf("%s", text)
	}
}

// What somebody sets by hand is shown while he has no device there, and so is what his
// calendar says; by "offline" he hides that, too.
func TestStatusWithoutDevice(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "tcp")
	k, _ := r.Watch(a, "alice", "bob", "presence")
	old, _ := r.Watch(a, "alice", "bob", "presence", "Accept: application/xpidf+xml")
	ctx, agent := context.Background(), r.S.Presence()
	set := func(by func(context.Context, rtc.AOR, presence.Manual) error, activity, note string) {
		t.Helper()
		if err := by(ctx, harness.BobURI, presence.Manual{Activity: activity, Note: note}); err != nil {
			t.Fatal(err)
		}
	}
	told := func(text string) {
		t.Helper()
		if body := string(k.Until(text).Body()); !strings.Contains(body, "<basic>closed</basic>") || strings.Contains(body, "<basic>open") {
			t.Errorf("he cannot be reached\n%s", body)
		}
	}
	set(agent.SetCalendar, "meeting", "")
	told("<rpid:meeting/>")
	set(agent.SetManual, "vacation", "back on Monday")
	told("back on Monday")
	b.Register("bob")
	if body := string(k.Until("<basic>open</basic>").Body()); !strings.Contains(body, "<rpid:vacation/>") {
		t.Errorf("%s", body)
	}
	b.Close()
	told("<rpid:vacation/>")
	set(agent.SetManual, "offline", "not to be seen")
	if body := string(k.Notified().Body()); strings.Contains(body, "person") || strings.Contains(body, "seen") {
		t.Errorf("%s", body)
	}
	set(agent.SetManual, "", "")
	told("<rpid:meeting/>")
	if body := string(old.Until("open").Body()) + string(old.Until("closed").Body()); strings.Contains(body, "meeting") {
		t.Errorf("%s", body)
	}
}

// transcript is what a watcher hears in a round of events about bob, without
// what differs from one subscription to the next.
func transcript(t *testing.T, rule consent.Action, offline bool) (text string, took []time.Duration) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob", "carol")
	if err := r.S.Consent().Set(context.Background(), harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: rule}); err != nil {
		t.Fatal(err)
	}
	a, b := r.Dial(t, "udp"), r.Dial(t, "tcp")
	var all strings.Builder
	hear := func(m *sip.Message) { fmt.Fprintf(&all, "%s\n", m.Bytes()) }
	start := time.Now()
	k, ok := r.Subscribes(a, "alice", "bob", "presence", "", "")
	took = append(took, time.Since(start))
	hear(ok)
	hear(k.Notified())
	status := func(activity string) {
		t.Helper()
		if err := r.S.Presence().SetManual(context.Background(), harness.BobURI, presence.Manual{Activity: activity, Note: "to be kept from alice"}); err != nil {
			t.Fatal(err)
		}
		if err := r.S.Presence().SetCalendar(context.Background(), harness.BobURI, presence.Manual{Activity: "meeting"}); err != nil {
			t.Fatal(err)
		}
	}
	if !offline {
		status("vacation") // without a device
		status("")
		b.Register("bob")
		wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "busy")), 200)
		wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "away")), 200)
		b.Close()
		status("vacation")
	}
	start = time.Now()
	hear(again(k, "Expires: 600"))
	took = append(took, time.Since(start))
	hear(k.Notified())
	if m, err := k.Hears(300 * time.Millisecond); err == nil {
		hear(m)
	}
	hear(again(k, "Expires: 0"))
	hear(k.Notified())
	_, ok = r.Subscribes(a, "alice", "bob", "presence", "Expires: 0\nAccept: application/xpidf+xml", "") // a look
	hear(ok)
	hear(a.Request("NOTIFY"))
	out := all.String()
	for _, x := range []string{`branch=[^;\r]*`, `tag=\S*`, `Call-ID: \S*`, `127\.0\.0\.1:\d+`, `rport=\d+`, `CSeq: \d+`, `expires=\d+`} {
		out = regexp.MustCompile(x).ReplaceAllString(out, "*")
	}
	return out, took
}

// What a politely blocked watcher hears of somebody who is busy, or on vacation without a
// device, is what everybody hears of somebody who is offline, octet by octet.
func TestPoliteBlockLooksOffline(t *testing.T) {
	blocked, took1 := transcript(t, consent.PoliteBlock, false)
	offline, took2 := transcript(t, consent.Allow, true)
	if blocked != offline {
		t.Errorf("blocked:\n%s\noffline:\n%s", blocked, offline)
	}
	t.Logf("answers took %v and %v", took1, took2)
}

// Consent counts at once, for subscriptions there are as well.
func TestConsentWhileSubscribed(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob", "carol")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	b.Register("bob")
	set := func(action consent.Action) {
		t.Helper()
		if err := r.S.Consent().Set(context.Background(), harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	set(consent.Confirm)
	own, _ := r.Watch(b, "bob", "bob", "presence.winfo")
	k, first := r.Watch(a, "alice", "bob", "presence")
	if !strings.HasPrefix(value(first, "Subscription-State"), "pending") || strings.Contains(string(first.Body()), "open") {
		t.Errorf("%s", first.Bytes())
	}
	if text := string(own.Until("alice").Body()); !strings.Contains(text, `status="pending"`) || !strings.Contains(text, `version="1"`) {
		t.Errorf("%s", text)
	}
	set(consent.Allow)
	if m := k.Until("<basic>open</basic>"); !strings.HasPrefix(value(m, "Subscription-State"), "active") {
		t.Errorf("%s", m.Bytes())
	}
	set(consent.PoliteBlock)
	k.Until("<basic>closed</basic>")
	set(consent.Block)
	if m := k.Notified(); !strings.HasPrefix(value(m, "Subscription-State"), "terminated;reason=rejected") || len(m.Body()) > 0 {
		t.Errorf("%s", m.Bytes())
	}
	_, m := r.Subscribes(a, "alice", "bob", "presence", "", "")
	wantCode(t, m, 403)
	_, m = r.Subscribes(a, "alice", "bob", "presence", "Expires: 0", "") // a look
	wantCode(t, m, 403)
	_, m = r.Subscribes(a, "alice", "bob", "dialog", "", "")
	wantCode(t, m, 403)
	_, m = r.Subscribes(a, "alice", "bob", "presence.winfo", "", "")
	wantCode(t, m, 403)
	_, m = r.Subscribes(a, "alice", "bob", "reg", "", "")
	wantCode(t, m, 403)
	l, m := r.Subscribes(a, "alice", "alice", "presence", "Supported: eventlist\nRequire: recipient-list-subscribe\nContent-Type: application/resource-lists+xml",
		`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="`+harness.BobURI+`"/></list></resource-lists>`)
	wantCode(t, m, 200)
	if text := string(l.Notified().Body()); strings.Contains(text, "open") || !strings.Contains(text, "rejected") {
		t.Errorf("%s", text)
	}
}
