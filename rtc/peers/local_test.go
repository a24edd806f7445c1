package peers

import (
	"errors"
	"net/netip"
	"testing"

	"tandem/rtc"
)

// A user elsewhere does not reach by the server what only its machine reaches.
func TestChosen(t *testing.T) {
	tab := New(&zone{}, nil)
	tab.machine = func() map[netip.Addr]bool { return map[netip.Addr]bool{netip.MustParseAddr("192.0.2.1"): true} }
	tab.Set("trunks", nil)
	const far, own, loop = "198.51.100.7:5060", "192.0.2.1:40000", "127.0.0.1:5070"
	check := func(by, to string, want bool) {
		t.Helper()
		err := tab.Chosen(addr(by), addr(to))
		if st := (*rtc.Status)(nil); (err == nil) != want || err != nil && (!errors.As(err, &st) || st.Code != 403) {
			t.Errorf("by %s to %s: %v", by, to, err)
		}
	}
	for _, to := range []string{loop, "[::1]:22", "[::ffff:127.0.0.1]:5060", "192.0.2.1:22", "169.254.169.254:80", "[fe80::1%eth0]:5060",
		"0.0.0.0:5060", "[::]:5060", "224.0.1.75:5060", "255.255.255.255:5060"} {
		check(far, to, false)
	}
	for _, by := range []string{loop, own, "[::1]:1"} {
		check(by, loop, true)
		check(by, "192.0.2.1:5070", true)
		check(by, "0.0.0.0:5060", false)
	}
	check("169.254.3.4:5060", "169.254.1.2:5060", true)
	check("169.254.3.4:5060", loop, false)
	check(far, "203.0.113.9:5060", true)
	check("[::]:0", loop, false) // Unknown
	tab.AllowLocal([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	check(far, loop, true)
	check(far, "192.0.2.1:22", false)
}
