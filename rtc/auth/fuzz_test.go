package auth

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"tandem/rtc/sip"
)

func parseChallenge(t testing.TB, value string) *digest.Challenge {
	t.Helper()
	c, err := digest.ParseChallenge(value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzGate gives the whole gate a REGISTER with credentials of any shape. None
// but the right ones may open it, and those only once.
func FuzzGate(f *testing.F) {
	probe := newFixture(f, nil)
	r := register("alice")
	c := probe.challenge(probe.send(r))["MD5"]
	good := probe.answer(r, c, "alice", password, nil)
	_, value, _ := strings.Cut(good, ": ")
	f.Add([]byte(value))
	f.Add([]byte(probe.answer(r, c, "alice", password, qopless)[len("Authorization: "):]))
	f.Add([]byte(`Digest username="alice",realm="example.com",nonce="` + c.Nonce + `",uri="sip:x",response="` + strings.Repeat("0", 32) + `"`))
	f.Add([]byte("Digest ,,,=\"\\"))
	users := probe.cfg.Users
	f.Fuzz(func(t *testing.T, v []byte) {
		if bytes.Contains(v, []byte("\r\n\r\n")) {
			return
		}
		g := New(Config{Users: users, Domains: []string{"example.com"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Nonces: 64, Limits: Limits{Entries: 32}})
		g.nonces = probe.nonces
		m := new(sip.Message)
		if err := m.Parse([]byte(r.with("Authorization: " + string(v)).String())); err != nil {
			return
		}
		m.Source = netip.MustParseAddrPort(probe.from)
		verdict := g.decide(m, sender{}, probe.now, g.newWork())
		if verdict.act == actPass && (verdict.identity == nil || !bytes.Contains(v, []byte("response"))) {
			t.Errorf("opened by %q", v)
		}
		if verdict.act == actPass {
			m.Source = netip.MustParseAddrPort("192.0.2.1:6000")
			if again := g.decide(m, sender{}, probe.now, g.newWork()); again.act == actPass {
				t.Errorf("opened twice by %q", v)
			}
		}
		g.demand(m, probe.now.Add(time.Second), g.newWork())
	})
}
