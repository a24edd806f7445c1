package auth

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/icholy/digest"
)

// offered is what algorithms an agent is asked for, over the whole gate.
func (f *fixture) offered(r request) []string {
	f.t.Helper()
	v := f.send(r)
	realm := v.realm
	if f.md5Only(f.last) {
		realm = realm.md5
	}
	v.realm = realm
	return slices.Sorted(maps.Keys(f.challenge(v)))
}

func TestQuirkAgentsThatNeedMD5Alone(t *testing.T) {
	both := "MD5 SHA-256"
	for agent, want := range map[string]string{
		"baresip v1.0.0 (x86_64/linux)":  "MD5",
		"BARESIP V0.6.5":                 "MD5",
		"baresip v2.12.0 (arm64/Darwin)": "MD5",
		"baresip v3.1.0 (x86_64/Linux)":  "MD5",
		"baresip v3.11.0 (x86_64/Linux)": "MD5",
		"baresip v3.12.0 (x86_64/Linux)": both,
		"baresip v4.8.0 (x86_64/Linux)":  both,
		"Linphonec/5.1.65":               both,
		"baresip":                        both,
		"not baresip v1.0.0":             both,
	} {
		f := newFixture(t, nil)
		if got := strings.Join(f.offered(register("alice").with("User-Agent: "+agent)), " "); got != want {
			t.Errorf("%s is offered %s, want %s", agent, got, want)
		}
		if got := strings.Join(f.offered(message("sip:alice@example.com", "sip:bob@example.com").with("User-Agent: "+agent)), " "); got != want {
			t.Errorf("%s is offered %s by 407, want %s", agent, got, want)
		}
	}
}

func TestMD5AgentsAreConfigured(t *testing.T) {
	old := register("alice").with("User-Agent: baresip v1.0.0")
	mine := register("alice").with("User-Agent: Door phone/7")
	for _, c := range []struct {
		name      string
		agents    []string
		offer     []Algorithm
		old, mine string
	}{
		{"default", nil, nil, "MD5", "MD5 SHA-256"},
		{"none", []string{}, nil, "MD5 SHA-256", "MD5 SHA-256"},
		{"other", []string{"door phone"}, nil, "MD5 SHA-256", "MD5"},
		{"MD5 is not offered", nil, []Algorithm{SHA256}, "SHA-256", "SHA-256"},
	} {
		f := newFixture(t, func(cfg *Config) { cfg.MD5Agents, cfg.Offer = c.agents, c.offer })
		if got := strings.Join(f.offered(old), " "); got != c.old {
			t.Errorf("%s: the old one is offered %s, want %s", c.name, got, c.old)
		}
		if got := strings.Join(f.offered(mine), " "); got != c.mine {
			t.Errorf("%s: the other one is offered %s, want %s", c.name, got, c.mine)
		}
	}
}

// TestQuirkAnswersEveryChallenge: baresip since 3.12 answers each challenge of a
// realm in a line of its own, and after stale=true forgets which algorithm was
// which: both lines then are MD5 with an empty algorithm.
func TestQuirkAnswersEveryChallenge(t *testing.T) {
	f := newFixture(t, nil)
	r := register("alice")
	c := f.challenge(f.send(r))
	both := r.with(f.answer(r, c["SHA-256"], "alice", password, nil), f.answer(r, c["MD5"], "alice", password, nil))
	f.wantIdentity(f.send(both), "sip:alice@example.com")

	c = f.challenge(f.send(r))
	lost := f.answer(r, c["MD5"], "alice", password, func(c *digest.Challenge, _ *digest.Options) { c.Algorithm = "" }) + ", algorithm="
	f.wantIdentity(f.send(r.with(lost, lost)), "sip:alice@example.com")
}

// The whole way: what leaves the server for a phone that needs it.
func TestMD5AgentsOnTheWire(t *testing.T) {
	f := newFixture(t, nil)
	conn := serve(t, f.Gate)
	for agent, want := range map[string]int{"baresip v1.0.0": 1, "baresip v4.8.0": 2} {
		r := register("alice").with("User-Agent: " + agent)
		r.callID, r.cseq = agent, want
		out := ask(t, conn, r)
		if got := strings.Count(out, "\r\nWWW-Authenticate: "); got != want {
			t.Errorf("%s gets %d challenges, want %d:\n%s", agent, got, want, out)
		}
		if !strings.Contains(out, "algorithm=MD5") {
			t.Errorf("%s is not offered MD5:\n%s", agent, out)
		}
	}
}
