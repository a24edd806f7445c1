package auth

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

func TestNonceLife(t *testing.T) {
	k, here, now := newNonceKey(), netip.MustParseAddr("192.0.2.1"), time.Unix(1_700_000_000, 0)
	text := k.append(nil, here, now)
	if len(text) != nonceLen {
		t.Fatalf("%d octets: %s", len(text), text)
	}
	const life = 5 * time.Minute
	cases := []struct {
		name string
		at   time.Time
		from string
		want bool
	}{
		{"at once", now, "192.0.2.1", true},
		{"just before the end", now.Add(life - time.Second), "192.0.2.1", true},
		{"at the end", now.Add(life), "192.0.2.1", false},
		{"clock set back a little", now.Add(-30 * time.Second), "192.0.2.1", true},
		{"clock set back far", now.Add(-time.Hour), "192.0.2.1", false},
		{"other address", now, "192.0.2.2", false},
		{"same address in IPv6 spelling", now, "::ffff:192.0.2.1", true},
	}
	for _, c := range cases {
		if _, ok := k.check(text, place(netip.MustParseAddr(c.from)), c.at, life); ok != c.want {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
	if _, ok := newNonceKey().check(text, here, now, life); ok {
		t.Error("good for another process")
	}
	if bytes.Equal(text, k.append(nil, here, now)) {
		t.Error("the same nonce twice")
	}
}

func TestNonceOfIPv6NetworkIsShared(t *testing.T) {
	k, now := newNonceKey(), time.Now()
	text := k.append(nil, place(netip.MustParseAddr("2001:db8::1")), now)
	if _, ok := k.check(text, place(netip.MustParseAddr("2001:db8::ffff:2")), now, time.Minute); !ok {
		t.Error("privacy address within the /64 refused")
	}
	if _, ok := k.check(text, place(netip.MustParseAddr("2001:db8:0:1::1")), now, time.Minute); ok {
		t.Error("other /64 accepted")
	}
}

func TestNonceChangedAnywhereIsRefused(t *testing.T) {
	k, here, now := newNonceKey(), netip.MustParseAddr("192.0.2.1"), time.Now()
	text := k.append(nil, here, now)
	for i := range text {
		for _, c := range []byte("A9_-=\n\x00") {
			changed := bytes.Clone(text)
			changed[i] = c
			if _, ok := k.check(changed, here, now, time.Minute); ok && c != text[i] {
				t.Errorf("octet %d as %q accepted", i, c)
			}
		}
	}
	for _, s := range [][]byte{nil, text[1:], append(bytes.Clone(text), 'A'), append(bytes.Clone(text), '\n')} {
		if _, ok := k.check(s, here, now, time.Minute); ok {
			t.Errorf("%q accepted", s)
		}
	}
}

func BenchmarkNonce(b *testing.B) {
	k, here, now := newNonceKey(), netip.MustParseAddr("192.0.2.1"), time.Now()
	buf := make([]byte, 0, 64)
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = k.append(buf[:0], here, now)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := k.check(buf, here, now, time.Minute); !ok {
				b.Fatal("refused")
			}
		}
	})
}
