package calls

import (
	"slices"
	"testing"
	"time"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/proxy"
	"tandem/test/bubble"
)

// The first caller waits for a next hop that is dead; the others do not, however
// much later, until it answers again.
func TestNobodyWaitsForADeadNextHop(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		dead, other := w.Phone(), w.Phone()
		w.Stop()
		w.Cfg.Routes = []proxy.Route{{Name: "far", Match: proxy.Match{Domain: "far.test"}, NextHop: proxy.Hops{"sip:" + dead.Addr.String(), "sip:" + other.Addr.String()}}}
		w.Open()
		alice := w.Phone()
		dead.Attach()
		other.Attach()
		other.Hop = true
		call := func() {
			dead.Got, other.Got = nil, nil
			alice.Request("MESSAGE", "alice", "x@far.test")
		}
		alice.Request("INVITE", "alice", "x@far.test", "Contact: <sip:alice@"+alice.Addr.String()+">")
		w.Pass(w.Cfg.Proxy.Failover-100*time.Millisecond, dead, other)
		if got := other.Heard(); slices.Contains(got, "INVITE") {
			t.Fatalf("the second hop heard %q before the first had its time", got)
		}
		w.Pass(time.Second, dead, other)
		if got := other.Heard(); !slices.Contains(got, "INVITE") {
			t.Fatalf("the second hop heard %q", got)
		}
		other.Answer("INVITE", 486)
		for _, later := range []time.Duration{13 * time.Second, 2 * time.Minute} {
			w.Pass(later, alice, dead, other)
			call()
			if got := other.Heard(); !slices.Contains(got, "MESSAGE") {
				t.Errorf("%v later: the second hop heard %q", later, got)
			}
			other.Answer("MESSAGE", 200)
		}
		dead.Got = nil
		for range 70 {
			if w.Pass(time.Second, dead); slices.Contains(dead.Heard(), "OPTIONS") {
				break
			}
		}
		dead.Answer("OPTIONS", 404) // any answer shows that it lives
		w.Pass(time.Second, dead)
		call()
		if got := dead.Heard(); !slices.Contains(got, "MESSAGE") {
			t.Errorf("it answers again and heard %q", got)
		}
	})
}

// The address of a trunk that says nothing is not waited for by the next calls, nor is
// another trunk's; one that is not probed neither. When it answers again it comes first.
func TestNobodyWaitsForASilentTrunkAddress(t *testing.T) {
	for name, addresses := range map[string]func(dead, other string) []gateways.Trunk{
		"two addresses of a trunk": func(dead, other string) []gateways.Trunk {
			return []gateways.Trunk{{Name: "gw", Addresses: []string{dead, other}, Prefixes: []string{"*"}}}
		},
		"two trunks": func(dead, other string) []gateways.Trunk {
			return []gateways.Trunk{{Name: "a", Addresses: []string{dead}, Prefixes: []string{"*"}, Priority: 1},
				{Name: "b", Addresses: []string{other}, Prefixes: []string{"*"}, Priority: 2}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Led(t, nil, func(w *bubble.World, _, _ *bubble.User) {
				dead, other := w.PhoneAt(5), w.PhoneAt(6)
				for _, trunk := range addresses("sip:"+dead.Addr.String(), "sip:"+other.Addr.String()) {
					trunk.Probe = dialect.ProbeOff
					if err := w.S.Trunks().Add(w.T.Context(), trunk); err != nil {
						w.T.Fatal(err)
					}
				}
				n := byte(10)
				dial := func(number string) (a, gateway *bubble.User) {
					n++
					other.Look()
					other.Got = nil
					a = &bubble.User{Phone: w.PhoneAt(n), Name: "alice", Extra: bubble.Supports}
					dials(a, "sip:"+number+"@time.test", a.SDP())
					return a, &bubble.User{Phone: other, Name: "gw"}
				}
				call := func(wait time.Duration) {
					a, gateway := dial("+49301234567")
					w.Pass(wait, dead, other)
					gateway.Reply(gateway.Want("INVITE"), 486, "g", "", "")
					acknowledge(a, a.Want("486 INVITE"))
				}
				call(silence + time.Second) // the first one waits
				for _, later := range []time.Duration{time.Second, 13 * time.Second, 2 * time.Minute} {
					w.Pass(later, dead, other)
					call(0)
				}
				_, gateway := dial("112")
				gateway.Want("INVITE")
				dead.Got, dead.Hop = nil, true // it answers OPTIONS again
				w.Pass(70*time.Second, dead, other)
				dead.Got = nil
				dial("+49301234567")
				w.Pass(time.Second, dead, other)
				if got := dead.Heard(); !slices.Contains(got, "INVITE") {
					w.T.Errorf("it answers again and heard %q", got)
				}
			})
		})
	}
}
