package server

import (
	"net/netip"
	"slices"
	"testing"

	"tandem/gateways"
	"tandem/rtc/proxy"
	"tandem/rtc/sip"
)

// A configuration written before there were trunks goes on to lead calls for numbers:
// by the call layer, not by the proxy, whatever is in the policy's way.
func TestRouteForNumbersIsTrunk(t *testing.T) {
	var gateway *user
	led(t, func(w *world) {
		gateway = &user{phone: w.phoneAt(2), name: "+4930123456", extra: supports}
		w.cfg.Routes = []proxy.Route{{Name: "PSTN", Match: proxy.Match{Prefix: "+49"}, Strip: 3, Add: "0", NextHop: proxy.Hops{"sip:" + gateway.addr.String()}}}
	}, func(w *world, _, _ *user) {
		gateway.attach()
		a := &user{phone: w.phoneAt(3), name: "alice", extra: supports}
		a.dials("sip:+4930123456@time.test", a.sdp())
		in := gateway.want("INVITE")
		if u, err := sip.ParseURI(in.RequestURI()); err != nil || string(u.User) != "030123456" {
			t.Errorf("the gateway is asked for %s", in.RequestURI())
		}
		gateway.reply(in, 486, "g", "", "")
		a.want("486 INVITE")
		gateway.want("ACK")
		a.dials("sip:+19005550100@time.test", a.sdp())
		a.want("403 INVITE")
	})
}

// What has been set of the trunk of a route stays, and only a trunk that is missing is made.
func TestRoutesMakeMissingTrunks(t *testing.T) {
	inTime(t, func(w *world) {
		w.cfg.Routes = []proxy.Route{
			{Name: "pstn", Match: proxy.Match{Prefix: "+"}, NextHop: proxy.Hops{"sip:192.0.2.1"}},
			{Name: "branch", Match: proxy.Match{Domain: "branch.test"}, NextHop: proxy.Hops{"sip:192.0.2.2"}},
		}
		again := func() {
			w.stop()
			w.open()
		}
		again()
		if err := w.s.trunks.Change(w.t.Context(), "pstn", func(t *gateways.Trunk) error { t.Channels = 4; return nil }); err != nil {
			t.Fatal(err)
		}
		again()
		all := w.s.trunks.Table().All()
		if len(all) != 1 || all[0].Name != "pstn" || all[0].Channels != 4 || !slices.Equal(all[0].Prefixes, []string{"+"}) {
			t.Errorf("trunks after another start: %+v", all)
		}
		if p := w.s.peers.At(netip.MustParseAddrPort("192.0.2.1:5060")); p == nil {
			t.Error("the gateway's address is open to everybody")
		}
		if err := w.s.trunks.Remove(w.t.Context(), "pstn"); err != nil {
			t.Fatal(err)
		}
		again()
		if len(w.s.trunks.Table().All()) != 1 {
			t.Error("the route leads nowhere")
		}
	})
}
