package server

import (
	"slices"
	"testing"
	"time"

	"tandem/rtc/proxy"
)

// The first caller waits for a next hop that is dead; the others do not, however
// much later, until it answers again.
func TestNobodyWaitsForADeadNextHop(t *testing.T) {
	inTime(t, func(w *world) {
		dead, other := w.phone(), w.phone()
		w.stop()
		w.cfg.Routes = []proxy.Route{{Name: "far", Match: proxy.Match{Domain: "far.test"}, NextHop: proxy.Hops{"sip:" + dead.addr.String(), "sip:" + other.addr.String()}}}
		w.open()
		alice := w.phone()
		dead.attach()
		other.attach()
		other.hop = true
		call := func() {
			dead.got, other.got = nil, nil
			alice.request("MESSAGE", "alice", "x@far.test")
		}
		alice.request("INVITE", "alice", "x@far.test", "Contact: <sip:alice@"+alice.addr.String()+">")
		w.pass(w.cfg.Proxy.Failover-100*time.Millisecond, dead, other)
		if got := other.heard(); slices.Contains(got, "INVITE") {
			t.Fatalf("the second hop heard %q before the first had its time", got)
		}
		w.pass(time.Second, dead, other)
		if got := other.heard(); !slices.Contains(got, "INVITE") {
			t.Fatalf("the second hop heard %q", got)
		}
		other.answer("INVITE", 486)
		for _, later := range []time.Duration{13 * time.Second, 2 * time.Minute} {
			w.pass(later, alice, dead, other)
			call()
			if got := other.heard(); !slices.Contains(got, "MESSAGE") {
				t.Errorf("%v later: the second hop heard %q", later, got)
			}
			other.answer("MESSAGE", 200)
		}
		dead.got = nil
		for range 70 {
			if w.pass(time.Second, dead); slices.Contains(dead.heard(), "OPTIONS") {
				break
			}
		}
		dead.answer("OPTIONS", 404) // any answer shows that it lives
		w.pass(time.Second, dead)
		call()
		if got := dead.heard(); !slices.Contains(got, "MESSAGE") {
			t.Errorf("it answers again and heard %q", got)
		}
	})
}
