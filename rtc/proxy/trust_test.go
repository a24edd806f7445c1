package proxy

import (
	"strings"
	"testing"

	"tandem/rtc/sip"
)

// Each row of the table is found by its name, in any case.
func TestTrustHeaderNames(t *testing.T) {
	for i := range trustHeaders {
		for _, name := range []string{trustHeaders[i].name, strings.ToUpper(trustHeaders[i].name)} {
			h := sip.Header{ID: sip.HeaderByName(name), Name: []byte(name)}
			if got := trustHeaderOf(h); got != &trustHeaders[i] {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	for _, name := range []string{"P-Early-Media", "Via", "p", "P-", "Priority", "X-Charge-Info"} {
		if r := trustHeaderOf(sip.Header{ID: sip.HeaderByName(name), Name: []byte(name)}); r != nil {
			t.Errorf("%s is %+v", name, r)
		}
	}
}

// What a sender may not assert is removed, whoever it is; what must not leave the trust
// domain is kept inside.
func TestTrustHeaders(t *testing.T) {
	all := ""
	for i := range trustHeaders {
		all += trustHeaders[i].name + ": <sip:boss@example.com>\n"
	}
	for _, users := range []bool{false, true} {
		trustHeadersTable(t, users, all)
	}
}

func trustHeadersTable(t *testing.T, users bool, all string) {
	r := newRig(t, func(c *Config) { c.DiversionOfUsers = users })
	alice, bob, hop := r.udpUA("alice"), r.udpUA("bob"), r.udpUA("hop")
	r.book.user("bob", r.binding(bob, ""))
	r.p.SetRoutes(routes(t,
		Route{Name: "partner", Match: Match{Domain: "partner.example"}, NextHop: Hops{"sip:" + hop.addr.String()}},
		Route{Name: "friend", Match: Match{Domain: "friend.example"}, NextHop: Hops{"sip:" + hop.addr.String()}, Trusted: true}))
	const open = "P-Asserted-Identity Remote-Party-ID Identity Diversion History-Info P-Called-Party-ID"
	for _, c := range []struct {
		is, to, privacy string
		users           bool   // are believed about diversion
		want            string // what comes through; "all" but what the first proxy consumes
	}{
		{"", "bob@example.com", "", false, ""},
		{"alice", "bob@example.com", "", false, ""},
		{"alice", "bob@example.com", "", true, "Diversion History-Info"},
		{"", "bob@example.com", "", true, ""},
		{"peer", "bob@example.com", "", false, open},
		{"peer", "bob@example.com", "header;id", false, "Identity P-Called-Party-ID"},
		{"peer", "bob@example.com", "history", false, "P-Asserted-Identity Remote-Party-ID Identity P-Called-Party-ID"},
		{"peer", "bob@partner.example", "", false, open},
		{"peer", "bob@friend.example", "id", false, "all"},
		{"alice", "bob@friend.example", "", false, ""},
	} {
		if c.users != users {
			continue
		}
		extra := all
		if c.privacy != "" {
			extra += "Privacy: " + c.privacy + "\n"
		}
		alice.ask(req{method: "MESSAGE", uri: "sip:" + c.to, is: c.is, extra: extra})
		callee := bob
		if !strings.HasSuffix(c.to, "@example.com") {
			callee = hop
		}
		m := callee.want("MESSAGE")
		var got []string
		for i := range trustHeaders {
			if m.GetName(trustHeaders[i].name) != nil {
				got = append(got, trustHeaders[i].name)
			}
		}
		want := c.want
		if want == "all" {
			want = ""
			for i := range trustHeaders {
				if trustHeaders[i].outside != consumed {
					want += trustHeaders[i].name + " "
				}
			}
			want = strings.TrimSpace(want)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("from %q to %s, privacy %q: %s, want %s", c.is, c.to, c.privacy, got, want)
		}
		callee.reply(m, 200, all)
		answer := alice.want(200)
		believed := answer.Has(sip.HdrPAssertedIdentity)
		if believed != (callee == hop) || believed != (answer.GetName("P-Charge-Info") != nil) {
			t.Errorf("%s answers as the boss: %v\n%s", c.to, believed, answer.Bytes())
		}
	}
}
