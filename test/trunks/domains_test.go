package trunks

import (
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/telephony/group"
	"tandem/test/harness"
)

// TestDomains: of several domains each has its own users and groups; a short number is
// good in all of them.
func TestDomains(t *testing.T) {
	const second = "second.test"
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.LedCalls(cfg)
		cfg.Domains = append(cfg.Domains, second)
	})
	r.User("alice", "bob", "sip:zoe@"+second, "sip:bob2@"+second)
	if err := r.S.Directory().AddAlias(t.Context(), "sip:bob@"+harness.Domain, "206"); err != nil {
		t.Fatal(err)
	}
	if err := r.S.Groups().Add(t.Context(), group.Group{AOR: "sip:help@" + second, Members: []string{"zoe@" + second}}); err != nil {
		t.Fatal(err)
	}
	bob, zoe := "user sip:bob@"+harness.Domain, "user sip:zoe@"+second
	for dialled, want := range map[string]string{
		"bob": bob, "bob@" + harness.Domain: bob, "206": bob, "206@" + second: bob,
		"zoe@" + second: zoe, "help@" + second: "group sip:help@" + second,
		"bob@" + second: "", "zoe@" + harness.Domain: "", "zoe": "", "help@" + harness.Domain: "",
	} {
		var got string
		for _, s := range rigExplained(r, t, dialled) {
			if s.what == "user" || s.what == "group" {
				got = s.what + " " + s.name
				break
			}
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", dialled, got, want)
		}
	}
}
