package trunks

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
	"tandem/test/harness"
	"tandem/test/house"
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
	a.rows["sip:"+user+"@"+harness.Domain+" "+kind+target]++
}

// dials has alice dial a URI, with further lines.
func (a *attempts) dials(w *harness.Wire, uri, lines string) *sip.Message {
	a.t.Helper()
	id := w.Ask("INVITE", "alice", uri, lines+"\n"+harness.SDPType, harness.SDPOf(30000, "0 8"))
	m := w.Final(id, "INVITE")
	if m.StatusCode() < 400 {
		a.t.Errorf("%s with %q is answered %d", uri, lines, m.StatusCode())
	}
	return m
}

// inOtherNames is a number that alice tries to call in other names: a burst of that is one
// row, and another one for the rest when a minute is over.
const inOtherNames = "+19005559999"

// TestFraud: a hundred attempts to have the server call premium and satellite
// numbers, by everything a user can send or set. None reaches the gateway, and each stands
// in the audit log.
func TestFraud(t *testing.T) {
	var data string
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); harness.Exchange(cfg); data = cfg.Data })
	r.User("alice", "bob")
	trunk := r.RawTrunk(t, "world", func(t *gateways.Trunk) { t.Prefixes = []string{"*"} })
	alice, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	alice.Register("alice")
	bob.Register("bob")
	a := &attempts{t: t, rows: make(map[string]int)}

	// By class of number, in whatever spelling.
	numbers := []string{"+4990012345678", "+19005551234", "+8816123456789", "+8707123456789", "+883510012345", "+97912345678", "+4418001", "+442079460000"}
	spelled := []func(n string) string{
		func(n string) string { return "sip:" + n + "@" + harness.Domain },
		func(n string) string { return "tel:" + n },
		func(n string) string { return "sip:" + n + "@" + harness.Domain + ";user=phone" },
		func(n string) string { return "sip:00" + n[1:] + "@" + harness.Domain },
		func(n string) string { return "sip:" + n[:4] + "-" + n[4:] + "@" + harness.Domain },
		func(n string) string { return "tel:" + n[:3] + "." + n[3:] },
		func(n string) string { return "sip:%2B" + n[1:] + "@" + harness.Domain },
		func(n string) string { return "sip:" + n + ";npdi;rn=+4930123@" + harness.Domain },
		func(n string) string { return "tel:" + n + ";tgrp=world;trunk-context=" + harness.Domain },
	}
	for _, n := range numbers {
		for _, spell := range spelled {
			a.by("alice", n)
			a.dials(alice, spell(n), "")
		}
	}
	// By claims.
	for _, lines := range []string{
		"P-Asserted-Identity: <sip:boss@" + harness.Domain + ">", "P-Preferred-Identity: <tel:+49305550>", "Remote-Party-ID: <sip:boss@" + harness.Domain + ">;party=calling;screen=yes",
		"Diversion: <sip:boss@" + harness.Domain + ">;reason=unconditional", "History-Info: <sip:boss@" + harness.Domain + ">;index=1", "Referred-By: <sip:boss@" + harness.Domain + ">",
		"Replaces: x;to-tag=1;from-tag=2", "Priority: emergency", "Resource-Priority: esnet.0", "Route: <sip:" + trunk.Local.String() + ";lr>",
	} {
		a.by("alice", "+19005551234")
		a.dials(alice, "sip:+19005551234@"+harness.Domain, lines)
	}
	a.by("alice", inOtherNames)
	for _, alice.From = range []string{"sip:bob@" + harness.Domain, "sip:boss@" + harness.Domain, "sip:+49305550@" + trunk.Local.String(), "tel:+49305550"} {
		a.n++
		if m := a.dials(alice, "sip:"+inOtherNames+"@"+harness.Domain, ""); !strings.Contains(string(m.Bytes()), "From Is Not the Authenticated User") {
			t.Errorf("as %s:\n%s", alice.From, m.Bytes())
		}
	}
	alice.From = "sip:anonymous@anonymous.invalid"
	a.by("alice", "+19005551234")
	a.dials(alice, "sip:+19005551234@"+harness.Domain, "")
	alice.From = ""
	// By forwarding and redirection.
	elsewhere := "sip:+19005551234@" + trunk.Local.String()
	for _, to := range [][2]string{{"0019005551234", "+19005551234"}, {"tel:+8816123456789", "+8816123456789"}, {"sip:+19005551234@" + harness.Domain, "+19005551234"}, {elsewhere, elsewhere}} {
		house.Settings(r, t, "bob", func(u *settings.User) { *u = settings.User{Always: to[0]} })
		a.by("bob", to[1])
		a.dials(alice, "sip:bob@"+harness.Domain, "")
	}
	house.Settings(r, t, "bob", func(u *settings.User) { *u = settings.User{Busy: "0019005551234"} })
	a.by("bob", "+19005551234")
	a.answered(alice, bob, 486, "")
	house.Settings(r, t, "bob", func(u *settings.User) { *u = settings.User{} })
	for _, to := range [][2]string{{"sip:+19005551234@" + harness.Domain, "+19005551234"}, {"tel:+19005551234", "+19005551234"}, {elsewhere, elsewhere}} {
		a.by("bob", to[1])
		a.answered(alice, bob, 302, "Contact: <"+to[0]+">\n")
	}
	// By transfer.
	x, y := r.Call(alice, bob, "alice", "bob", 31000)
	for _, to := range [][2]string{{"sip:+19005551234@" + harness.Domain, "+19005551234"}, {"tel:+8816123456789", "+8816123456789"}, {"sip:0019005551234@" + harness.Domain, "+19005551234"},
		{"sip:+19005551234@" + harness.Domain + "?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3", "+19005551234"}, {elsewhere, elsewhere},
		{"sip:+19005551234@" + harness.Domain + "?Route=%3Csip:" + trunk.Local.String() + "%3E", "+19005551234"}} {
		for user, k := range map[string]*harness.Talker{"alice": x, "bob": y} {
			a.by(user, to[1])
			if m := k.Asks("REFER", "Refer-To: <"+to[0]+">\n", ""); m.StatusCode() < 400 {
				t.Errorf("a transfer to %s is answered %d", to[0], m.StatusCode())
			}
		}
	}
	// By call-back.
	for _, c := range [][3]string{{"alice", "+19005551234", "+19005551234"}, {"0019005551234", "alice", "+19005551234"}, {"+8816123456789", "+4930123456", "+8816123456789"}} {
		a.by("alice", c[2])
		if call, err := r.S.Exchange().Connect(harness.Soon(t), c[0], c[1], telephony.Options{Payer: "sip:alice@" + harness.Domain}); err == nil {
			call.Hangup("test")
			t.Errorf("%v are connected", c)
		}
	}
	t.Logf("%d attempts", a.n)
	if a.n < 100 {
		t.Errorf("%d attempts are too few to say anything", a.n)
	}
	for {
		m, err := trunk.Next(200*time.Millisecond, (*sip.Message).IsRequest)
		if err != nil {
			break
		}
		t.Errorf("the gateway got\n%s", m.Bytes())
	}
	a.audited(filepath.Join(data, "tandem.sock"))
}

// answered has alice call bob, whose phone answers so.
func (a *attempts) answered(alice, bob *harness.Wire, code int, lines string) {
	a.t.Helper()
	id := alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	bob.Reply(bob.Request("INVITE"), code, "b", lines, "")
	if m := alice.Final(id, "INVITE"); m.StatusCode() < 400 {
		a.t.Errorf("through bob, who answers %d %s: %d", code, lines, m.StatusCode())
	}
}

// audited wants each attempt to have a row of its own in the audit log, with who caused
// it and what would have been called, also for what bob or a transfer caused; and no more.
func (a *attempts) audited(socket string) {
	a.t.Helper()
	type row struct{ Who, Operation, Resource, Outcome string }
	for end := time.Now().Add(harness.Patience); ; time.Sleep(50 * time.Millisecond) {
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
		if k := "sip:alice@" + harness.Domain + " numbers/" + inOtherNames; rows[k] == 2 {
			rows[k] = 1 // the minute of the burst is over
		}
		if maps.Equal(rows, a.rows) {
			return
		}
		if time.Now().After(end) {
			a.t.Fatalf("the audit log has %v, want %v", rows, a.rows)
		}
	}
}
