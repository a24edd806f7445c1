package calls

import (
	"slices"
	"testing"

	"tandem/gateways"
	"tandem/rtc/proxy"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// A configuration written before there were trunks goes on to lead calls for numbers:
// by the call layer, not by the proxy, whatever is in the policy's way.
func TestRouteForNumbersIsTrunk(t *testing.T) {
	var gateway *bubble.User
	bubble.Led(t, func(w *bubble.World) {
		gateway = &bubble.User{Phone: w.PhoneAt(2), Name: "+4930123456", Extra: bubble.Supports}
		w.Cfg.Routes = []proxy.Route{{Name: "PSTN", Match: proxy.Match{Prefix: "+49"}, Strip: 3, Add: "0", NextHop: proxy.Hops{"sip:" + gateway.Addr.String()}}}
	}, func(w *bubble.World, _, _ *bubble.User) {
		gateway.Attach()
		a := &bubble.User{Phone: w.PhoneAt(3), Name: "alice", Extra: bubble.Supports}
		dials(a, "sip:+4930123456@time.test", a.SDP())
		in := gateway.Want("INVITE")
		if u, err := sip.ParseURI(in.RequestURI()); err != nil || string(u.User) != "030123456" {
			t.Errorf("the gateway is asked for %s", in.RequestURI())
		}
		gateway.Reply(in, 486, "g", "", "")
		a.Want("486 INVITE")
		gateway.Want("ACK")
		dials(a, "sip:+19005550100@time.test", a.SDP())
		a.Want("403 INVITE")
	})
}

// What has been set of the trunk of a route stays, and only a trunk that is missing is made.
func TestRoutesMakeMissingTrunks(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Cfg.Routes = []proxy.Route{
			{Name: "pstn", Match: proxy.Match{Prefix: "+"}, NextHop: proxy.Hops{"sip:192.0.2.1"}},
			{Name: "branch", Match: proxy.Match{Domain: "branch.test"}, NextHop: proxy.Hops{"sip:192.0.2.2"}},
		}
		again := func() {
			w.Stop()
			w.Open()
		}
		again()
		if err := w.S.Trunks().Change(w.T.Context(), "pstn", func(t *gateways.Trunk) error { t.Channels = 4; return nil }); err != nil {
			t.Fatal(err)
		}
		again()
		all := w.S.Trunks().Table().All()
		if len(all) != 1 || all[0].Name != "pstn" || all[0].Channels != 4 || !slices.Equal(all[0].Prefixes, []string{"+"}) {
			t.Errorf("trunks after another start: %+v", all)
		}
		if err := w.S.Trunks().Remove(w.T.Context(), "pstn"); err != nil {
			t.Fatal(err)
		}
		again()
		if len(w.S.Trunks().Table().All()) != 1 {
			t.Error("the route leads nowhere")
		}
	})
}
