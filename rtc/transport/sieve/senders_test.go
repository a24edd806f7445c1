package sieve

import (
	"net/netip"
	"testing"
	"time"
)

var (
	morning = time.Unix(1_800_000_000, 0)
	phone   = netip.MustParseAddr("127.0.0.7")
)

func (s *Senders) has(a netip.Addr) bool {
	all, h := s.snapshot(), hash(a)
	return all[h/32]&(1<<(h%32)) != 0
}

// A sender seen today or yesterday is known, at any address of its /64 and in any
// spelling; each new one counts once.
func TestSendersAreKnownForTwoDays(t *testing.T) {
	var s Senders
	s.Add(phone, morning)
	news := s.changes()
	s.Add(netip.AddrFrom16(phone.As16()), morning)
	if !s.has(phone) || s.changes() != news {
		t.Errorf("known %v, %d changes after %d", s.has(phone), s.changes(), news)
	}
	s.Add(netip.MustParseAddr("2001:db8::1"), morning)
	if !s.has(netip.MustParseAddr("2001:db8::2")) || s.has(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("of IPv6 not the /64 counts")
	}
	s.Add(netip.MustParseAddr("127.0.0.8"), morning.Add(24*time.Hour))
	if !s.has(phone) {
		t.Error("forgotten on the next day")
	}
	s.Add(netip.MustParseAddr("127.0.0.8"), morning.Add(48*time.Hour))
	if s.has(phone) || !s.has(netip.MustParseAddr("127.0.0.8")) {
		t.Error("known for longer than two days, or the new one is not")
	}
	s.Add(phone, morning.Add(96*time.Hour))
	if s.has(netip.MustParseAddr("127.0.0.8")) {
		t.Error("known after days without news")
	}
}
