package transport

import (
	"net/netip"
	"strings"
	"testing"
)

// While the buffer is filled, fewer and fewer unknown requests are admitted; afterwards
// more and more, up to all.
func TestValveShutsQuicklyAndOpensSlowly(t *testing.T) {
	v := valve{}
	for range 40 {
		v.set(0.5, false)
	}
	if v.shut != valveParts-valveLeast {
		t.Errorf("shut to %d of %d under a full buffer", v.shut, valveParts)
	}
	chosen := 0
	for range 10000 {
		if v.chooses() {
			chosen++
		}
	}
	if chosen < 9700 || chosen == 10000 {
		t.Errorf("%d of 10000 would be dropped", chosen)
	}
	steps := 0
	for ; v.shut > 0; steps++ {
		v.set(0, false)
	}
	if steps < 40 || steps > 200 {
		t.Errorf("open again after %d steps", steps)
	}
	if v.chooses() {
		t.Error("drops though it is open")
	}
	if v.set(0, true); v.shut == 0 {
		t.Error("open though datagrams were lost")
	}
}

// A loop whose valve is shut admits known senders, responses and trusted peers.
func TestShutValveLetsTheKnownIn(t *testing.T) {
	known := netip.MustParseAddrPort("192.0.2.1:5060")
	tr := &Transport{cfg: Config{Known: func(from netip.AddrPort, b []byte) bool {
		return from == known || strings.Contains(string(b), "nonce")
	}}}
	u := &udpLoop{t: tr, valve: valve{shut: valveParts}}
	l := &Listener{t: tr, cfg: Listen{Trusted: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}}
	for _, c := range []struct {
		from, text string
		shed       bool
	}{
		{"203.0.113.9:5060", "REGISTER sip:x SIP/2.0\r\n", true},
		{"203.0.113.9:5060", "REGISTER sip:x SIP/2.0\r\nnonce", false},
		{"203.0.113.9:5060", "SIP/2.0 200 OK\r\n", false},
		{"192.0.2.1:5060", "REGISTER sip:x SIP/2.0\r\n", false},
		{"192.0.2.1:5061", "REGISTER sip:x SIP/2.0\r\n", true},
		{"198.51.100.7:5060", "INVITE sip:x SIP/2.0\r\n", false},
	} {
		if got := u.sheds(Flow{l: l, Remote: netip.MustParseAddrPort(c.from)}, []byte(c.text)); got != c.shed {
			t.Errorf("%s %q: shed %v", c.from, c.text, got)
		}
	}
	u.valve.shut = 0
	if u.sheds(Flow{l: l, Remote: netip.MustParseAddrPort("203.0.113.9:5060")}, []byte("REGISTER")) {
		t.Error("an open valve sheds")
	}
}
