package rtnetlink

import (
	"net/netip"
	"testing"
)

func FuzzParseRoute(f *testing.F) {
	loopback := netip.MustParseAddr("127.0.0.1")
	f.Add(routeRequest(loopback, loopback))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseRoute(b); err == nil && r.Index == 0 {
			t.Errorf("%+v", r)
		}
	})
}
