package test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/settings"
)

// attempts are those of TestFraud.
type attempts struct {
	t *testing.T
	r *rig
	n int
}

// dials has a user dial a URI, with further lines and perhaps another From.
func (a *attempts) dials(w *wire, user, uri, lines string) {
	a.t.Helper()
	a.n++
	id := w.ask("INVITE", user, uri, lines+"\n"+sdpType, sdpOf(30000, "0 8"))
	m := w.final(id, "INVITE")
	if m.StatusCode() < 400 {
		a.t.Errorf("%s with %q is answered %d", uri, lines, m.StatusCode())
	}
}

// TestFraud: a hundred attempts to have the server call premium and satellite
// numbers, by everything a user can send or set. None reaches the gateway, and each stands
// in the audit log.
func TestFraud(t *testing.T) {
	var data string
	r := startServer(t, func(cfg *config.Config) { ledCalls(cfg); exchange(cfg); data = cfg.Data })
	r.user("alice", "bob")
	trunk := r.rawTrunk(t, "world", func(t *gateways.Trunk) { t.Prefixes = []string{"*"} })
	alice, bob := r.dial(t, "udp"), r.dial(t, "udp")
	alice.register("alice")
	bob.register("bob")
	a := &attempts{t: t, r: r}

	// By class of number, in whatever spelling.
	numbers := []string{"+4990012345678", "+19005551234", "+8816123456789", "+8707123456789", "+883510012345", "+97912345678", "+4418001", "+442079460000"}
	spelled := []func(n string) string{
		func(n string) string { return "sip:" + n + "@" + domain },
		func(n string) string { return "tel:" + n },
		func(n string) string { return "sip:" + n + "@" + domain + ";user=phone" },
		func(n string) string { return "sip:00" + n[1:] + "@" + domain },
		func(n string) string { return "sip:" + n[:4] + "-" + n[4:] + "@" + domain },
		func(n string) string { return "tel:" + n[:3] + "." + n[3:] },
		func(n string) string { return "sip:%2B" + n[1:] + "@" + domain },
		func(n string) string { return "sip:" + n + ";npdi;rn=+4930123@" + domain },
		func(n string) string { return "tel:" + n + ";tgrp=world;trunk-context=" + domain },
	}
	for _, n := range numbers {
		for _, spell := range spelled {
			a.dials(alice, "alice", spell(n), "")
		}
	}
	// By claims.
	for _, lines := range []string{
		"P-Asserted-Identity: <sip:boss@" + domain + ">", "P-Preferred-Identity: <tel:+49305550>", "Remote-Party-ID: <sip:boss@" + domain + ">;party=calling;screen=yes",
		"Diversion: <sip:boss@" + domain + ">;reason=unconditional", "History-Info: <sip:boss@" + domain + ">;index=1", "Referred-By: <sip:boss@" + domain + ">",
		"Replaces: x;to-tag=1;from-tag=2", "Priority: emergency", "Resource-Priority: esnet.0", "Route: <sip:" + trunk.local.String() + ";lr>",
	} {
		a.dials(alice, "alice", "sip:+19005551234@"+domain, lines)
	}
	// By forwarding and redirection.
	for _, set := range []func(*settings.User){
		func(u *settings.User) { u.Always = "0019005551234" },
		func(u *settings.User) { u.Always = "tel:+8816123456789" },
		func(u *settings.User) { u.Always = "sip:+19005551234@" + domain },
		func(u *settings.User) { u.Always = "sip:+19005551234@" + trunk.local.String() },
	} {
		r.set(t, "bob", func(u *settings.User) { *u = settings.User{}; set(u) })
		a.dials(alice, "alice", "sip:bob@"+domain, "")
	}
	r.set(t, "bob", func(u *settings.User) { *u = settings.User{Busy: "0019005551234"} })
	a.answered(alice, bob, 486, "")
	r.set(t, "bob", func(u *settings.User) { *u = settings.User{} })
	for _, to := range []string{"sip:+19005551234@" + domain, "tel:+19005551234", "sip:+19005551234@" + trunk.local.String()} {
		a.answered(alice, bob, 302, "Contact: <"+to+">\n")
	}
	// By transfer.
	x, y := r.call(alice, bob, "alice", "bob", 31000)
	for _, to := range []string{"sip:+19005551234@" + domain, "tel:+8816123456789", "sip:0019005551234@" + domain, "sip:+19005551234@" + domain + "?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3",
		"sip:+19005551234@" + trunk.local.String(), "sip:+19005551234@" + domain + "?Route=%3Csip:" + trunk.local.String() + "%3E"} {
		for _, k := range []*talker{x, y} {
			a.n++
			if m := k.asks("REFER", "Refer-To: <"+to+">\n", ""); m.StatusCode() < 400 {
				t.Errorf("a transfer to %s is answered %d", to, m.StatusCode())
			}
		}
	}
	// By call-back.
	for _, c := range [][2]string{{"alice", "+19005551234"}, {"0019005551234", "alice"}, {"+8816123456789", "+4930123456"}} {
		a.n++
		if call, err := r.s.Exchange().Connect(soon(t), c[0], c[1], telephony.Options{Payer: "sip:alice@" + domain}); err == nil {
			call.Hangup("test")
			t.Errorf("%v are connected", c)
		}
	}
	t.Logf("%d attempts", a.n)
	if a.n < 100 {
		t.Errorf("%d attempts are too few to say anything", a.n)
	}
	for {
		m, err := trunk.next(200*time.Millisecond, (*sip.Message).IsRequest)
		if err != nil {
			break
		}
		t.Errorf("the gateway got\n%s", m.Bytes())
	}
	a.audited(filepath.Join(data, "tandem.sock"))
}

// answered has alice call bob, whose phone answers so.
func (a *attempts) answered(alice, bob *wire, code int, lines string) {
	a.t.Helper()
	a.n++
	id := alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	bob.reply(bob.request("INVITE"), code, "b", lines, "")
	if m := alice.final(id, "INVITE"); m.StatusCode() < 400 {
		a.t.Errorf("through bob, who answers %d %s: %d", code, lines, m.StatusCode())
	}
}

// audited wants a row in the audit log for each attempt, also for what bob or a transfer
// caused.
func (a *attempts) audited(socket string) {
	a.t.Helper()
	type row struct{ Who, Operation, Resource, Outcome, Error string }
	var rows []row
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		k, err := client.Dial(socket)
		if err != nil {
			a.t.Fatal(err)
		}
		all, err := client.All[row](context.Background(), k, "/audit", nil)
		if err != nil {
			a.t.Fatal(err)
		}
		rows = rows[:0]
		by := map[string]int{}
		for _, r := range all {
			if r.Operation == "call" && r.Outcome == "failed" {
				rows = append(rows, r)
				by[r.Who]++
			}
		}
		if len(rows) >= a.n && by["sip:bob@"+domain] > 0 {
			a.t.Logf("%d attempts; the audit log has %d, by %s", a.n, len(rows), fmt.Sprint(by))
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("%d rows in the audit log, %v; %d attempts", len(rows), by, a.n)
		}
	}
}
