package calls

import (
	"slices"
	"testing"
	"time"

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
