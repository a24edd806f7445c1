package auth

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// Known senders have proved their identity from an address and port, or answer with a
// nonce that was given to their address.
func TestKnownSenders(t *testing.T) {
	f := newFixture(t, nil)
	clock := func() time.Time { return f.now }
	here, other := netip.MustParseAddrPort(f.from), netip.MustParseAddrPort("198.51.100.7:5060")
	r := register("alice")
	if f.Known(here, []byte(r.String())) {
		t.Fatal("a stranger is known")
	}
	asked := f.challenge(f.send(r))["MD5"]
	answer := r.with(f.answer(r, asked, "alice", "wrong-password", nil)).String()
	if !f.known(here, []byte(answer), clock) {
		t.Error("who answers a challenge is not known")
	}
	if f.known(other, []byte(answer), clock) {
		t.Error("a nonce counts at another address")
	}
	if forged := r.with(`Authorization: Digest nonce="` + "0123456789012345678901234567890123456" + `x"`).String(); f.known(here, []byte(forged), clock) {
		t.Error("a nonce that is not ours counts")
	}
	f.login(r, "alice", "wrong-password")
	if f.Known(here, []byte(r.String())) {
		t.Error("a wrong password makes known")
	}
	f.login(r, "alice", password)
	if !f.Known(here, []byte(r.String())) || !f.Known(netip.AddrPortFrom(netip.AddrFrom16(here.Addr().As16()), here.Port()), nil) {
		t.Error("who has proved who he is is not known")
	}
	if f.Known(netip.AddrPortFrom(here.Addr(), 1), nil) {
		t.Error("another port of his address is known")
	}
	f.Remember(other, "sip:alice@example.com")
	if !f.Known(other, nil) {
		t.Error("who is to be remembered is not known")
	}
}

// After a restart the phones of a user go on while others guess his password; only a
// new place has to wait.
func TestRememberedPhoneIsNotSlowedDown(t *testing.T) {
	f := newFixture(t, nil)
	f.Remember(netip.MustParseAddrPort("192.0.2.1:5060"), "sip:alice@example.com")
	f.now = time.Now()
	for i := range 100 {
		f.from = fmt.Sprintf("203.0.113.%d:5060", i)
		f.login(register("alice"), "alice", "wrong-password")
	}
	for _, c := range []struct {
		from string
		want act
		code int
	}{
		{"192.0.2.1:5060", actPass, 0},
		{"192.0.2.1:5061", actPass, 0}, // by a new connection
		{"198.51.100.7:5060", actRefuse, 503},
	} {
		f.from = c.from
		if _, v := f.login(register("alice"), "alice", password); v.act != c.want || v.code != c.code || v.code != 0 && v.retry <= 0 {
			t.Errorf("from %s: act %d, %d %s, to be tried again after %s", c.from, v.act, v.code, v.reason, v.retry)
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	f := newFixture(b, nil)
	from, text := netip.MustParseAddrPort("198.51.100.7:5060"), []byte(register("alice").String())
	b.ReportAllocs()
	for b.Loop() {
		if f.Known(from, text) {
			b.Fatal("a stranger is known")
		}
	}
}
