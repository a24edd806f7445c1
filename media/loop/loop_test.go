package loop

import (
	"net/netip"
	"strings"
	"testing"
)

// TestCircles names ports of ours in turns. "1A>2B" has side A of session 1 name
// side B of session 2; '!' behind it: it may not.
func TestCircles(t *testing.T) {
	for _, c := range []struct{ name, namings string }{
		{"a call through here twice", "1B>2A 2A>1B"},
		{"three times", "1B>2A 2A>1B 2B>3A 3A>2B"},
		{"two calls to one place", "1A>2A 3A>2A"},
		{"itself", "1A>1A!"},
		{"its other side", "1A>1B! 1B>1A!"},
		{"each the other on both sides", "1A>2A 1B>2B!"},
		{"around", "1A>2B 2A>3B 3A>1B!"},
		{"around, named from either side", "1A>2B 3B>2A 1B>3A!"},
		{"no more so", "1A>2A 1A>9 1B>2B"},
		{"still, as nothing is named", "1A>2A 1A>0 1B>2B!"},
		{"a ring from a chain", "1B>2A 2B>3A 3B>1A! 3B>9"},
		{"the port shared by many", "1A>s!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, sides := New(), map[string]*Port{}
			at := func(name string) netip.AddrPort {
				return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(name[0])<<8+uint16(name[1]))
			}
			for _, name := range strings.Fields("1A 1B 2A 2B 3A 3B") {
				sides[name] = r.Open(End{uint64(name[0]), name[1] == 'B'}, [4]netip.AddrPort{at(name)})
			}
			shared := netip.MustParseAddrPort("192.0.2.1:3478")
			r.Share(shared)
			for _, n := range strings.Fields(c.namings) {
				by, to, _ := strings.Cut(strings.TrimSuffix(n, "!"), ">")
				addr := shared
				switch to {
				case "s":
				case "0":
					addr = netip.MustParseAddrPort("0.0.0.0:9")
				case "9":
					addr = netip.MustParseAddrPort("198.51.100.7:9")
				default:
					addr = at(to)
				}
				if ok := r.Admit(sides[by], false, addr); ok == strings.HasSuffix(n, "!") {
					t.Errorf("%s: %v", n, ok)
				}
			}
			for _, p := range sides {
				r.Close(p)
			}
			if n := r.Count(); n > 0 {
				t.Errorf("%d are left", n)
			}
		})
	}
}
