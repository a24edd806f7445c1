package reach

import (
	"net/netip"
	"testing"

	"tandem/rtc/location"
	"tandem/rtc/transport"
)

// After a restart a phone on UDP is reached as before, one with a connection at its
// contact at best.
func TestMeansAfterARestart(t *testing.T) {
	remote := transport.Flow{Remote: netip.MustParseAddrPort("192.0.2.4:5060")}
	for want, list := range map[Means][]location.Binding{
		ByFlow:    {{URI: "sip:b@192.0.2.4", Flow: remote}},
		ByPath:    {{URI: "sip:b@192.0.2.4", Path: "<sip:edge;lr>"}},
		ByContact: {{URI: "sip:b@192.0.2.4;transport=tcp"}, {URI: "sips:b@192.0.2.4"}, {URI: "sip:b@192.0.2.4;transport=tcp", Flow: remote}},
		Lost:      {{URI: "sip:b@x.invalid;transport=ws"}, {URI: "sip:b@192.0.2.4;transport=tls", RegID: 1}},
	} {
		for _, b := range list {
			if got := MeansOf(&b); got != want {
				t.Errorf("%+v is reached by %s, want %s", b, got, want)
			}
		}
	}
}
