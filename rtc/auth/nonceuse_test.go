package auth

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

func counted(n int) func(*digest.Challenge, *digest.Options) {
	return func(_ *digest.Challenge, o *digest.Options) { o.Count = n }
}

func TestNonceServesSeveralRequests(t *testing.T) {
	f := newFixture(t, nil)
	r := register("alice")
	c := f.challenge(f.send(r))["SHA-256"]
	for n := range 5 {
		r.cseq++
		f.wantIdentity(f.send(r.with(f.answer(r, c, "alice", password, counted(n+1)))), "sip:alice@example.com")
	}
	if got := f.Stats(); got.Challenged != 1 || got.Accepted != 5 {
		t.Errorf("%+v", got)
	}
}

func TestStaleNonceIsToldSo(t *testing.T) {
	cases := []struct {
		name   string
		before func(f *fixture)
		edit   func(*digest.Challenge, *digest.Options)
	}{
		{"five minutes later", func(f *fixture) { f.now = f.now.Add(5 * time.Minute) }, nil},
		{"after a restart", func(f *fixture) { f.Gate.nonces = newNonceKey() }, nil},
		{"from another address", func(f *fixture) { f.from = "192.0.2.2:5060" }, nil},
		{"made up", func(*fixture) {}, func(c *digest.Challenge, _ *digest.Options) { c.Nonce = "405729fe" }},
		{"with a wrong password, which stays a secret", func(f *fixture) { f.now = f.now.Add(5 * time.Minute) },
			func(_ *digest.Challenge, o *digest.Options) { o.Password = "wrong-password" }},
	}
	for _, c := range cases {
		f := newFixture(t, nil)
		r := register("alice")
		line := f.answer(r, f.challenge(f.send(r))["MD5"], "alice", password, c.edit)
		c.before(f)
		v := f.send(r.with(line))
		f.wantAsked(v, true)
		if f.Stats().Failed != 0 {
			t.Errorf("%s: counted as a failure", c.name)
		}
		f.wantIdentity(f.send(r.with(f.answer(r, f.challenge(v)["MD5"], "alice", password, nil))), "sip:alice@example.com")
	}
}

func TestNonceJustWithinItsLife(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.NonceLife = 30 * time.Second })
	r := register("alice")
	line := f.answer(r, f.challenge(f.send(r))["MD5"], "alice", password, nil)
	f.now = f.now.Add(29 * time.Second)
	f.wantIdentity(f.send(r.with(line)), "sip:alice@example.com")
}

func TestReplayedCredentials(t *testing.T) {
	other := register("alice")
	other.cseq, other.lines = 2, []string{"Expires: 0"}
	cases := []struct {
		name string
		edit func(*digest.Challenge, *digest.Options)
		next func(f *fixture, r request) request
		pass bool
	}{
		{"retransmission", nil, func(_ *fixture, r request) request { return r }, true},
		{"retransmission without qop", qopless, func(_ *fixture, r request) request { return r }, true},
		{"retransmission with another Contact", nil, func(_ *fixture, r request) request { return r.with("Contact: <sip:eve@192.0.2.66>") }, false},
		{"same octets from another port", nil, func(f *fixture, r request) request { f.from = "192.0.2.1:6000"; return r }, false},
		{"other request", nil, func(_ *fixture, r request) request { return other.with(r.lines...) }, false},
		{"other request without qop", qopless, func(_ *fixture, r request) request { return other.with(r.lines...) }, false},
	}
	for _, c := range cases {
		f := newFixture(t, nil)
		r := register("alice")
		r = r.with(f.answer(r, f.challenge(f.send(r))["MD5"], "alice", password, c.edit))
		f.wantIdentity(f.send(r), "sip:alice@example.com")
		v := f.send(c.next(f, r))
		if got := v.act == actPass; got != c.pass || !got && !v.stale {
			t.Errorf("%s: %+v", c.name, v)
		}
		if f.Stats().Failed != 0 {
			t.Errorf("%s: counted as a failure", c.name)
		}
	}
}

// TestWrongAnswerDoesNotSpendTheCount: otherwise anybody could spoil a nonce.
func TestWrongAnswerDoesNotSpendTheCount(t *testing.T) {
	f := newFixture(t, nil)
	r := register("alice")
	c := f.challenge(f.send(r))["MD5"]
	f.wantAsked(f.send(r.with(f.answer(r, c, "alice", "wrong-password", nil))), false)
	f.wantIdentity(f.send(r.with(f.answer(r, c, "alice", password, nil))), "sip:alice@example.com")
}

func TestBackoffAfterWrongCredentials(t *testing.T) {
	f := newFixture(t, nil)
	r := register("alice")
	for range 10 {
		f.wantAsked(f.send(r), false) // a first challenge is never counted
	}
	for range 10 {
		_, v := f.login(r, "alice", "wrong-password")
		f.wantAsked(v, false)
	}
	_, v := f.login(r, "alice", password)
	f.wantRefused(v, 403, "Too Many Failed Attempts")
	if v.retry != time.Minute {
		t.Errorf("retry after %v", v.retry)
	}
	_, v = f.login(register("bob"), "bob", password)
	f.wantIdentity(v, "sip:bob@example.com")
	if bans := f.throttle.bans(f.now); len(bans) != 1 || bans[0].User != "alice@example.com" || bans[0].Addr != office {
		t.Errorf("%+v", bans)
	}
	f.now = f.now.Add(time.Minute)
	_, v = f.login(r, "alice", password)
	f.wantIdentity(v, "sip:alice@example.com")
	want := Stats{Challenged: 10 + 10 + 3, Failed: 10, Blocked: 1, Accepted: 2}
	if got := f.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestUnknownUserLooksLikeAWrongPassword in every answer up to the ban.
func TestUnknownUserLooksLikeAWrongPassword(t *testing.T) {
	f := newFixture(t, nil)
	known, unknown := register("alice"), register("nobody")
	for i := range 12 {
		_, a := f.login(known, "alice", "wrong-password")
		_, b := f.login(unknown, "nobody", "wrong-password")
		if a.act != b.act || a.code != b.code || a.reason != b.reason || a.stale != b.stale {
			t.Errorf("attempt %d: %+v and %+v", i, a, b)
		}
	}
	// The stand-in's hashes are all zero: an answer made from them must not be
	// accepted.
	zero := newFixture(t, nil)
	c := zero.challenge(zero.send(unknown))["MD5"]
	line := zero.answer(unknown, c, "nobody", "", func(_ *digest.Challenge, o *digest.Options) { o.A1 = strings.Repeat("0", 32) })
	zero.wantAsked(zero.send(unknown.with(line)), false)
}

func TestInDialogWithCredentials(t *testing.T) {
	f := newFixture(t, nil)
	r := message("sip:alice@example.com", "sip:bob@example.com")
	r.method, r.body, r.to = "INVITE", "", r.to+";tag=2"
	if v := f.send(r); v.act != actPass || v.identity != nil {
		t.Fatalf("%+v", v)
	}
	// A handler demands an identity; the answer is verified on the way in.
	v := f.demand(f.last, f.now, f.newWork())
	f.wantAsked(v, false)
	good := r.with(f.answer(r, f.challenge(v)["MD5"], "alice", password, nil))
	f.wantIdentity(f.send(good), "sip:alice@example.com")
	// Others prove nothing and pass, to be asked again if it matters.
	c := f.challenge(f.demand(f.last, f.now, f.newWork()))["MD5"]
	wrong := r.with(f.answer(r, c, "alice", "wrong-password", nil))
	another := r.with(f.answer(r, c, "bob", password, counted(2)))
	for _, r := range []request{wrong, another} {
		if v := f.send(r); v.act != actPass || v.identity != nil {
			t.Errorf("%+v", v)
		}
	}
	if f.Stats().Failed != 1 {
		t.Errorf("%d failures", f.Stats().Failed)
	}
	f.now = f.now.Add(time.Hour)
	if v := f.send(good); v.act != actPass || v.identity != nil {
		t.Errorf("%+v", v)
	}
	f.wantAsked(f.demand(f.last, f.now, f.newWork()), true)
}

func TestChallengeInDialogWhenConfigured(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.ChallengeInDialog = true })
	r := message("sip:alice@example.com", "sip:bob@example.com")
	r.method, r.to = "BYE", r.to+";tag=2"
	f.wantAsked(f.send(r), false)
}

// TestLogTellsOfABurstOnce: the first of many wrong credentials is logged with user and
// address, without the client's proof. The others are not logged, whether they come
// from one place or many, and neither are those after each ban.
func TestLogTellsOfABurstOnce(t *testing.T) {
	for name, place := range map[string]func(n int) string{
		"one place":   func(int) string { return "192.0.2.1:5060" },
		"many places": func(n int) string { return fmt.Sprintf("192.0.2.%d:5060", 1+n) },
	} {
		var out bytes.Buffer
		f := newFixture(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&out, nil)) })
		var sent []string
		for n := range 200 {
			f.from = place(n)
			r, _ := f.login(register("alice"), "alice", "wrong-password")
			c, err := digest.ParseCredentials(strings.TrimPrefix(r.lines[0], "Authorization: "))
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, c.Response, c.Nonce, c.Cnonce)
			f.now = f.now.Add(time.Second)
		}
		text := out.String()
		if strings.Count(text, "\n") != 1 || !strings.Contains(text, "peer=192.0.2.1 aor=alice@example.com") {
			t.Errorf("%s: log:\n%s", name, text)
		}
		for _, s := range append(sent, "wrong-password", password) {
			if strings.Contains(text, s) {
				t.Errorf("%s: %q is in the log", name, s)
			}
		}
	}
}
