package test

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
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
	t    *testing.T
	n    int
	rows map[string]int // that each is to have in the audit log, one of its own
}

// by counts an attempt that user caused, to call a number or an address.
func (a *attempts) by(user, target string) {
	a.n++
	kind := "addresses/"
	if target[0] == '+' {
		kind = "numbers/"
	}
	a.rows["sip:"+user+"@"+domain+" "+kind+target]++
}

// dials has alice dial a URI, with further lines.
func (a *attempts) dials(w *wire, uri, lines string) *sip.Message {
	a.t.Helper()
	id := w.ask("INVITE", "alice", uri, lines+"\n"+sdpType, sdpOf(30000, "0 8"))
	m := w.final(id, "INVITE")
	if m.StatusCode() < 400 {
		a.t.Errorf("%s with %q is answered %d", uri, lines, m.StatusCode())
	}
	return m
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
	a := &attempts{t: t, rows: make(map[string]int)}

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
			a.by("alice", n)
			a.dials(alice, spell(n), "")
		}
	}
	// By claims.
	for _, lines := range []string{
		"P-Asserted-Identity: <sip:boss@" + domain + ">", "P-Preferred-Identity: <tel:+49305550>", "Remote-Party-ID: <sip:boss@" + domain + ">;party=calling;screen=yes",
		"Diversion: <sip:boss@" + domain + ">;reason=unconditional", "History-Info: <sip:boss@" + domain + ">;index=1", "Referred-By: <sip:boss@" + domain + ">",
		"Replaces: x;to-tag=1;from-tag=2", "Priority: emergency", "Resource-Priority: esnet.0", "Route: <sip:" + trunk.local.String() + ";lr>",
	} {
		a.by("alice", "+19005551234")
		a.dials(alice, "sip:+19005551234@"+domain, lines)
	}
	for _, alice.from = range []string{"sip:bob@" + domain, "sip:boss@" + domain, "sip:+49305550@" + trunk.local.String(), "tel:+49305550"} {
		a.by("alice", "+19005551234")
		if m := a.dials(alice, "sip:+19005551234@"+domain, ""); !strings.Contains(string(m.Bytes()), "From Is Not the Authenticated User") {
			t.Errorf("as %s:\n%s", alice.from, m.Bytes())
		}
	}
	alice.from = "sip:anonymous@anonymous.invalid"
	a.by("alice", "+19005551234")
	a.dials(alice, "sip:+19005551234@"+domain, "")
	alice.from = ""
	// By forwarding and redirection.
	elsewhere := "sip:+19005551234@" + trunk.local.String()
	for _, to := range [][2]string{{"0019005551234", "+19005551234"}, {"tel:+8816123456789", "+8816123456789"}, {"sip:+19005551234@" + domain, "+19005551234"}, {elsewhere, elsewhere}} {
		r.set(t, "bob", func(u *settings.User) { *u = settings.User{Always: to[0]} })
		a.by("bob", to[1])
		a.dials(alice, "sip:bob@"+domain, "")
	}
	r.set(t, "bob", func(u *settings.User) { *u = settings.User{Busy: "0019005551234"} })
	a.by("bob", "+19005551234")
	a.answered(alice, bob, 486, "")
	r.set(t, "bob", func(u *settings.User) { *u = settings.User{} })
	for _, to := range [][2]string{{"sip:+19005551234@" + domain, "+19005551234"}, {"tel:+19005551234", "+19005551234"}, {elsewhere, elsewhere}} {
		a.by("bob", to[1])
		a.answered(alice, bob, 302, "Contact: <"+to[0]+">\n")
	}
	// By transfer.
	x, y := r.call(alice, bob, "alice", "bob", 31000)
	for _, to := range [][2]string{{"sip:+19005551234@" + domain, "+19005551234"}, {"tel:+8816123456789", "+8816123456789"}, {"sip:0019005551234@" + domain, "+19005551234"},
		{"sip:+19005551234@" + domain + "?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3", "+19005551234"}, {elsewhere, elsewhere},
		{"sip:+19005551234@" + domain + "?Route=%3Csip:" + trunk.local.String() + "%3E", "+19005551234"}} {
		for user, k := range map[string]*talker{"alice": x, "bob": y} {
			a.by(user, to[1])
			if m := k.asks("REFER", "Refer-To: <"+to[0]+">\n", ""); m.StatusCode() < 400 {
				t.Errorf("a transfer to %s is answered %d", to[0], m.StatusCode())
			}
		}
	}
	// By call-back.
	for _, c := range [][3]string{{"alice", "+19005551234", "+19005551234"}, {"0019005551234", "alice", "+19005551234"}, {"+8816123456789", "+4930123456", "+8816123456789"}} {
		a.by("alice", c[2])
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
	id := alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	bob.reply(bob.request("INVITE"), code, "b", lines, "")
	if m := alice.final(id, "INVITE"); m.StatusCode() < 400 {
		a.t.Errorf("through bob, who answers %d %s: %d", code, lines, m.StatusCode())
	}
}

// audited wants each attempt to have a row of its own in the audit log, with who caused
// it and what would have been called, also for what bob or a transfer caused; and no more.
func (a *attempts) audited(socket string) {
	a.t.Helper()
	type row struct{ Who, Operation, Resource, Outcome string }
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		k, err := client.Dial(socket)
		if err != nil {
			a.t.Fatal(err)
		}
		all, err := client.All[row](context.Background(), k, "/audit", nil)
		if err != nil {
			a.t.Fatal(err)
		}
		rows := map[string]int{}
		for _, r := range all {
			if r.Operation == "call" && r.Outcome == "failed" {
				rows[r.Who+" "+r.Resource]++
			}
		}
		if maps.Equal(rows, a.rows) {
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("the audit log has %v, want %v", rows, a.rows)
		}
	}
}
