package server

import (
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
)

// helpline is a gateway that leads to help, in the world of led calls.
func helpline(w *world) *user {
	w.t.Helper()
	gw := &user{phone: w.phoneAt(5), name: "gw"}
	trunk := gateways.Trunk{Name: "pstn", Addresses: []string{"sip:" + gw.addr.String()}, Prefixes: []string{"+49"}}
	trunk.Probe = dialect.ProbeOff
	if err := w.s.trunks.Add(w.t.Context(), trunk); err != nil {
		w.t.Fatal(err)
	}
	return gw
}

// helped makes a call for help that is answered, and ends it.
func helped(w *world, gw *user) {
	w.t.Helper()
	c := &user{phone: w.phone(), name: "alice", extra: supports}
	c.calls("sip:112@time.test", "", c.sdp())
	gw.reply(gw.want("INVITE"), 200, "help", "", gw.sdp())
	gw.want("ACK")
	c.connected()
	over(c, gw)
}

// many has alice and bob talk until a call is refused, and returns the two sides of each
// call. bob has a device for each, all at one address.
func many(w *world, b *user, most int) (sides []*user) {
	w.t.Helper()
	for range most {
		c := &user{phone: w.phone(), name: "alice", extra: supports}
		c.calls("sip:bob@time.test", "", c.sdp())
		if c.came("503 INVITE") != nil {
			return sides
		}
		d := &user{phone: b.phone, name: "bob", extra: supports}
		d.reply(b.want("INVITE"), 200, "b", "", d.sdp())
		b.want("ACK")
		c.connected()
		sides = append(sides, c, d)
	}
	w.t.Fatalf("%d calls are taken, and none refused", most)
	return nil
}

// All others have taken the ports for sound that are theirs: they are refused, and a
// call for help finds some.
func TestHelpWithoutPorts(t *testing.T) {
	small := func(w *world) { w.cfg.Media.Ports = "20000-20199" }
	led(t, small, func(w *world, a, b *user) {
		gw := helpline(w)
		sides := many(w, b, 60)
		if n := len(sides) / 2; n < 40 {
			t.Errorf("%d calls fill 200 ports", n)
		}
		for range 3 {
			helped(w, gw)
		}
		for i := 0; i < len(sides); i += 2 {
			c, d := sides[i], sides[i+1]
			d.unanswered, d.seen = nil, len(b.got) // what came for his other devices
			over(c, d)
		}
	})
}

// The server has as many transactions as it lets others have: strangers are refused, and
// a call for help is not, nor is who asks to prove that he may make one.
func TestHelpUnderLoad(t *testing.T) {
	few := func(w *world) { w.cfg.Limits.Transactions = 20 }
	led(t, few, func(w *world, a, b *user) {
		gw := helpline(w)
		var callers []*user
		for range 17 {
			c := &user{phone: w.phone(), name: "alice", extra: supports}
			c.calls("sip:bob@time.test", "", c.sdp())
			b.want("INVITE")
			callers = append(callers, c)
		}
		stranger := &user{phone: w.phoneAt(2), name: "alice"}
		for uri, want := range map[string]int{"sip:bob@time.test": 503, "sip:112@time.test": 407, "urn:service:sos.police": 407} {
			stranger.calls(uri, "", stranger.sdp())
			if code := stranger.answerTo("INVITE"); code != want {
				t.Errorf("a call to %s from a stranger is answered %d, want %d", uri, code, want)
			}
		}
		helped(w, gw)
		for _, c := range callers {
			c.cancel()
			c.want("487 INVITE")
			c.write("ACK", "sip:bob@time.test", 1, "", "")
		}
	})
}
