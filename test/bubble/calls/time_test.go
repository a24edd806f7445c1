package calls

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/proxy"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// A binding ends when its time is over, also when the server was restarted meanwhile,
// although what is on disk of it has slack.
func TestBindingEnds(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			bubble.Run(t, func(w *bubble.World) {
				bob := w.Phone()
				granted := bob.Register("bob", 120)
				w.Pass(granted / 2)
				rest := granted - granted/2
				if restart {
					w.Stop()
					w.Open()
				}
				alice := w.Phone()
				w.Pass(rest - 2*time.Second)
				alice.Request("MESSAGE", "alice", "bob")
				if got := bob.When("MESSAGE"); len(got) != 1 {
					w.T.Fatalf("bob heard %q in %v", bob.Heard(), granted-2*time.Second)
				}
				bob.Answer("MESSAGE", 200)
				w.Pass(12*time.Second, alice)
				alice.Request("MESSAGE", "alice", "bob")
				if got := alice.Heard(); !slices.Equal(got, []string{"200", "202"}) { // 202: kept until he is back
					w.T.Errorf("alice heard %q, of which the second after bob's time was over", got)
				}
			})
		})
	}
}

// A call that rings on is taken back by Timer C (RFC 3261 §16.8).
func TestRingingEnds(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		bob.Register("bob", 3600)
		alice.Request("INVITE", "alice", "bob", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		bob.Heard()
		bob.Answer("INVITE", 180)
		w.Pass(w.Cfg.Proxy.TimerC-time.Second, alice, bob)
		if got := bob.When("CANCEL"); got != nil {
			w.T.Fatalf("CANCEL after %v", got)
		}
		w.Pass(2*time.Second, alice, bob)
		bob.Heard()
		bob.Answer("CANCEL", 200)
		bob.Answer("INVITE", 487)
		w.Pass(time.Second, alice, bob)
		if got := bob.Heard(); !slices.Contains(got, "ACK") {
			w.T.Errorf("bob heard %q", got)
		}
		if got := alice.Heard(); !slices.Contains(got, "180") || !slices.Contains(got, "408") && !slices.Contains(got, "487") {
			w.T.Errorf("alice heard %q", got)
		}
	})
}

// A phone that is gone is asked seven times in 32 s (RFC 3261 §17.1.1.2), then
// the caller is told.
func TestPhoneGone(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		bob.Register("bob", 3600)
		alice.Request("INVITE", "alice", "bob", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		w.Pass(31*time.Second, alice, bob)
		if got := alice.Heard(); !slices.Equal(got, []string{"100"}) {
			w.T.Errorf("alice heard %q in 31 s", got)
		}
		w.Pass(2*time.Second, alice, bob)
		if got := slices.Compact(alice.Heard()); !slices.Equal(got, []string{"100", "408"}) { // she sends no ACK
			w.T.Errorf("alice heard %q in 33 s", got)
		}
		var got []time.Duration
		for _, d := range bob.When("INVITE") {
			got = append(got, d.Round(100*time.Millisecond))
		}
		want := []time.Duration{0, 500, 1500, 3500, 7500, 15500, 31500}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(got, want) {
			w.T.Errorf("INVITE came at %v, want %v", got, want)
		}
	})
}

// Who is not known any more but kept the Record-Route of a call by a static route
// can make no other call with it the day after.
func TestOldCallOpensNoRoute(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, gateway, leaver := w.Phone(), w.Phone(), w.PhoneAt(2)
		w.Cfg.Routes = []proxy.Route{{Name: "branch", Match: proxy.Match{Domain: "branch.test"}, NextHop: proxy.Hops{"sip:" + gateway.Addr.String()}}}
		sleep := func(d time.Duration) { // with the server off, which need not count the hours then
			w.Stop()
			time.Sleep(d)
			w.Open()
			for _, p := range []*bubble.Phone{alice, gateway, leaver} {
				p.Attach()
			}
		}
		sleep(0)
		alice.Request("INVITE", "alice", "x@branch.test", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		gateway.Look()
		var call sip.Message
		if len(gateway.Got) == 0 || call.Parse(gateway.Got[0].Raw) != nil {
			w.T.Fatalf("the gateway heard %q", gateway.Heard())
		}
		gateway.Answer("INVITE", 200)
		again := func(cseq int) {
			leaver.Send([]byte(strings.Join([]string{
				"INVITE sip:+19005550100@" + gateway.Flow.Remote.String() + " SIP/2.0",
				fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d", leaver.Flow.Remote, cseq),
				"Route: " + string(call.Get(sip.HdrRecordRoute)),
				"From: <sip:alice@time.test>;tag=x", "To: <sip:+15550100@time.test>;tag=callee",
				"Call-ID: " + string(call.CallID()), fmt.Sprintf("CSeq: %d INVITE", cseq), "Content-Length: 0", "", ""}, "\r\n")))
		}
		for i, c := range []struct {
			after time.Duration
			want  string // what he is told
		}{{23 * time.Hour, "100"}, {3 * time.Hour, "407"}} {
			sleep(c.after)
			gateway.Look()
			leaver.Look()
			gateway.Got, leaver.Got = nil, nil
			again(10 + i)
			if got := leaver.Heard(); !slices.Contains(got, c.want) || (c.want == "100") != slices.Contains(gateway.Heard(), "INVITE") {
				w.T.Errorf("after %v more he is told %q and the gateway %q, want %s", c.after, got, gateway.Heard(), c.want)
			}
			gateway.Heard()
			if c.want == "100" {
				gateway.Answer("INVITE", 486)
				w.Pass(time.Second, gateway, leaver)
			}
		}
	})
}
