package server

import (
	"slices"
	"testing"
	"time"

	"tandem/rtc/proxy"
)

// The next hop of a static route that says nothing is known before the first request
// that would wait for it; when it answers again it comes first again.
func TestSilentNextHopIsKnown(t *testing.T) {
	inTime(t, func(w *world) {
		first, second := w.phoneAt(21), w.phoneAt(22)
		w.stop()
		w.cfg.Routes = []proxy.Route{{Name: "partner", Match: proxy.Match{Domain: "partner.test"},
			NextHop: proxy.Hops{"sip:" + first.addr.String(), "sip:" + second.addr.String()}}}
		w.open()
		first.attach()
		second.attach()
		answer := func(p *phone) {
			if slices.Contains(p.heard(), "OPTIONS") {
				p.answer("OPTIONS", 200)
				p.got = nil
			}
		}
		w.pass(2*time.Second, first, second)
		answer(second)
		w.pass(probeWait, first, second) // the first one says nothing
		alice := w.phone()
		alice.request("MESSAGE", "alice", "carol@partner.test")
		if got := second.heard(); !slices.Contains(got, "MESSAGE") {
			t.Errorf("the one that answers heard %q, the silent one %q", got, first.heard())
		}
		second.answer("MESSAGE", 200)
		for range 8 { // some of the OPTIONS that follow are answered
			w.pass(probeWait, first, second)
			answer(first)
			answer(second)
		}
		first.got, second.got = nil, nil
		alice.request("MESSAGE", "alice", "carol@partner.test")
		if got := first.heard(); !slices.Contains(got, "MESSAGE") {
			t.Errorf("the one that is back heard %q, the other %q", got, second.heard())
		}
		first.answer("MESSAGE", 200)
	})
}
