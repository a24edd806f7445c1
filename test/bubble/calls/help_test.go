package calls

import (
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/test/bubble"
)

// helpline is a gateway that leads to help, in the world of led calls.
func helpline(w *bubble.World) *bubble.User {
	w.T.Helper()
	gw := &bubble.User{Phone: w.PhoneAt(5), Name: "gw"}
	trunk := gateways.Trunk{Name: "pstn", Addresses: []string{"sip:" + gw.Addr.String()}, Prefixes: []string{"+49"}}
	trunk.Probe = dialect.ProbeOff
	if err := w.S.Trunks().Add(w.T.Context(), trunk); err != nil {
		w.T.Fatal(err)
	}
	return gw
}

func alice(w *bubble.World) *bubble.User {
	return &bubble.User{Phone: w.Phone(), Name: "alice", Extra: bubble.Supports}
}

// helped makes a call for help that is answered, and ends it.
func helped(w *bubble.World, gw *bubble.User) {
	w.T.Helper()
	c := alice(w)
	c.Calls("sip:112@time.test", "", c.SDP())
	gw.Id = "" // the next is another dialog
	gw.Reply(gw.Want("INVITE"), 200, "help", "", gw.SDP())
	gw.Want("ACK")
	c.Connected()
	bubble.Over(c, gw)
}

// many has alice call bob, who answers, until a call is refused, and returns the callers.
func many(w *bubble.World, b *bubble.User, most int) (callers []*bubble.User) {
	w.T.Helper()
	for range most {
		c := alice(w)
		c.Calls("sip:bob@time.test", "", c.SDP())
		if c.Came("503 INVITE") != nil {
			return callers
		}
		b.Reply(b.Want("INVITE"), 200, "b", "", b.SDP())
		b.Want("ACK")
		c.Connected()
		callers = append(callers, c)
	}
	w.T.Fatalf("%d calls are taken, and none refused", most)
	return nil
}

// All others have taken the ports for sound that are theirs: they are refused, and a
// call for help finds some.
func TestHelpWithoutPorts(t *testing.T) {
	small := func(w *bubble.World) { w.Cfg.Media.Ports = "20000-20199" }
	bubble.Led(t, small, func(w *bubble.World, _, b *bubble.User) {
		gw := helpline(w)
		callers := many(w, b, 60)
		if n := len(callers); n < 40 {
			t.Errorf("%d calls fill 200 ports", n)
		}
		for range 3 {
			helped(w, gw)
		}
		for _, c := range callers {
			bubble.Over(c, b)
		}
	})
}

// The server has nearly as many transactions as it may: strangers are refused, and a call
// for help is not, nor is who has to prove that he may make one.
func TestHelpUnderLoad(t *testing.T) {
	few := func(w *bubble.World) { w.Cfg.Limits.Transactions = 20 }
	bubble.Led(t, few, func(w *bubble.World, _, b *bubble.User) {
		gw := helpline(w)
		var callers []*bubble.User
		for range 17 {
			c := alice(w)
			c.Calls("sip:bob@time.test", "", c.SDP())
			b.Want("INVITE")
			callers = append(callers, c)
		}
		stranger := &bubble.User{Phone: w.PhoneAt(2), Name: "alice"}
		for uri, want := range map[string]int{"sip:bob@time.test": 503, "sip:112@time.test": 407, "urn:service:sos.police": 407} {
			stranger.Calls(uri, "", stranger.SDP())
			if code := stranger.AnswerTo("INVITE"); code != want {
				t.Errorf("a call to %s from a stranger is answered %d, want %d", uri, code, want)
			}
		}
		helped(w, gw)
		for _, c := range callers {
			c.Cancel()
			c.Want("487 INVITE")
			c.Write("ACK", "sip:bob@time.test", 1, "", "")
		}
	})
}
