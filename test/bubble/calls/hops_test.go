package calls

import (
	"slices"
	"testing"
	"time"

	"tandem/rtc/proxy"
	"tandem/test/bubble"
)

// silence is how long a next hop may say nothing.
const silence = 4 * time.Second

// The next hop of a static route that says nothing is known before the first request
// that would wait for it; when it answers again it comes first again.
func TestSilentNextHopIsKnown(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		first, second := w.PhoneAt(21), w.PhoneAt(22)
		w.Stop()
		w.Cfg.Routes = []proxy.Route{{Name: "partner", Match: proxy.Match{Domain: "partner.test"},
			NextHop: proxy.Hops{"sip:" + first.Addr.String(), "sip:" + second.Addr.String()}}}
		w.Open()
		first.Attach()
		second.Attach()
		answer := func(p *bubble.Phone) {
			if slices.Contains(p.Heard(), "OPTIONS") {
				p.Answer("OPTIONS", 200)
				p.Got = nil
			}
		}
		w.Pass(2*time.Second, first, second)
		answer(second)
		w.Pass(silence, first, second) // the first one says nothing
		alice := w.Phone()
		alice.Request("MESSAGE", "alice", "carol@partner.test")
		if got := second.Heard(); !slices.Contains(got, "MESSAGE") {
			t.Errorf("the one that answers heard %q, the silent one %q", got, first.Heard())
		}
		second.Answer("MESSAGE", 200)
		for range 8 { // some of the OPTIONS that follow are answered
			w.Pass(silence, first, second)
			answer(first)
			answer(second)
		}
		first.Got, second.Got = nil, nil
		alice.Request("MESSAGE", "alice", "carol@partner.test")
		if got := first.Heard(); !slices.Contains(got, "MESSAGE") {
			t.Errorf("the one that is back heard %q, the other %q", got, second.Heard())
		}
		first.Answer("MESSAGE", 200)
	})
}
