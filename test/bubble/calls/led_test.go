package calls

import (
	"strings"
	"testing"
	"time"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/test/bubble"
)

// A call of 24 hours: each side refreshes as it was agreed with it, the server asks
// whom it has to, and none of it reaches the other side.
func TestCallOfADay(t *testing.T) {
	bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
		bubble.Talk(a, b, "", "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\n")
		asked := 0
		for range 96 { // quarters of an hour
			time.Sleep(15*time.Minute + 100*time.Millisecond) // a moment after bob was asked, before he is asked again
			a.Request("UPDATE", "Session-Expires: 1800;refresher=uac\r\n", "")
			if m := a.Want("200 UPDATE"); !strings.HasPrefix(string(m.GetName("Session-Expires")), "1800") {
				t.Fatalf("the refresh is answered\n%s", m.Bytes())
			}
			time.Sleep(100 * time.Millisecond) // bob's leg began at another moment than alice's
			for m := b.Came("UPDATE"); m != nil; m = b.Came("UPDATE") {
				asked++
				b.Reply(m, 200, "", "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\n", "")
			}
		}
		if asked < 95 || asked > 97 {
			t.Errorf("bob was asked %d times in a day, want 96", asked)
		}
		if n := w.S.Exchange().Active(); n != 1 {
			t.Fatalf("%d calls after a day", n)
		}
		bubble.Over(a, b)
	})
}

// What ends a call that nobody hangs up, and what does not.
func TestSessionTimers(t *testing.T) {
	for name, c := range map[string]struct {
		refresher string // of bob's leg
		code      int    // bob's answer to refreshes; 0: none
		ends      time.Duration
	}{
		"bob never refreshes":   {"uas", 0, 1800*time.Second - 32*time.Second},
		"bob answers 481":       {"uac", 481, 900 * time.Second},
		"bob answers 408":       {"uac", 408, 900 * time.Second},
		"bob answers nothing":   {"uac", 0, 900*time.Second + 32*time.Second},
		"bob answers 500 once":  {"uac", 500, 1800*time.Second - 32*time.Second},
		"bob wants 3600 s, 422": {"uac", 422, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
				bubble.Talk(a, b, "", "Require: timer\r\nSession-Expires: 1800;refresher="+c.refresher+"\r\n")
				begun := time.Now()
				var ended time.Duration
				for time.Since(begun) < time.Hour && ended == 0 {
					time.Sleep(time.Second)
					if s := time.Since(begun).Truncate(time.Second); s%(15*time.Minute) == 0 {
						a.Request("UPDATE", "Session-Expires: 1800;refresher=uac\r\n", "")
					}
					for m := b.Came("UPDATE"); m != nil; m = b.Came("UPDATE") {
						switch {
						case c.code == 422 && !strings.HasPrefix(string(m.GetName("Session-Expires")), "3600"):
							b.Reply(m, 422, "", "Min-SE: 3600\r\n", "")
						case c.code == 422:
							b.Reply(m, 200, "", "Require: timer\r\nSession-Expires: 3600;refresher=uac\r\n", "")
						case c.code != 0:
							b.Reply(m, c.code, "", "", "")
						}
					}
					if m := a.Came("BYE"); m != nil {
						ended = time.Since(begun).Round(time.Second)
						a.Reply(m, 200, "", "", "")
					}
				}
				if off := ended - c.ends; off < -2*time.Second || off > 2*time.Second {
					t.Errorf("the call ended after %v, want %v", ended, c.ends)
				}
				if ended == 0 {
					bubble.Over(a, b)
				} else if m := b.Came("BYE"); m != nil {
					b.Reply(m, 200, "", "", "")
				}
			})
		})
	}
}

// Calls of the kind that leave something behind.
func TestOddCalls(t *testing.T) {
	for name, f := range map[string]func(w *bubble.World, a, b *bubble.User){
		"a forged BYE": func(w *bubble.World, a, b *bubble.User) {
			bubble.Talk(a, b, "", "")
			stranger := &bubble.User{Phone: w.PhoneAt(2), Name: "alice", Id: a.Id, Target: a.Target, From: strings.Replace(a.From, "tag=", "tag=x", 1), To: a.To}
			stranger.Request("BYE", "", "")
			stranger.Want("481 BYE")
			if b.Came("BYE") != nil {
				w.T.Error("bob's call is ended by a stranger")
			}
			bubble.Over(a, b)
		},
		"BYE with a number of before": func(w *bubble.World, a, b *bubble.User) {
			bubble.Talk(a, b, "", "")
			a.Seq = 50
			a.Request("UPDATE", "", "")
			a.Want("200 UPDATE")
			a.Write("BYE", a.Target, 20, "", "")
			a.Want("500 BYE")
			bubble.Over(a, b)
		},
		"two 200s": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", a.SDP())
			m := b.Want("INVITE")
			b.Reply(m, 200, "b", "", b.SDP())
			fork := &bubble.User{Phone: b.Phone, Name: "bob", Extra: bubble.Supports}
			fork.Reply(m, 200, "c", "", fork.SDP())
			b.Want("ACK")
			b.Want("ACK")
			bye := b.Want("BYE")
			if string(bye.ToTag()) != "c" {
				w.T.Errorf("BYE to %s", bye.ToTag())
			}
			b.Reply(bye, 200, "", "", "")
			a.Connected()
			bubble.Over(a, b)
		},
		"a 200 without description": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", a.SDP())
			b.Reply(b.Want("INVITE"), 200, "b", "", "")
			b.Want("ACK")
			b.Reply(b.Want("BYE"), 200, "", "", "")
			a.Want("502 INVITE")
		},
		"other media in the 200 than in the 183": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", a.SDP())
			m := b.Want("INVITE")
			b.Reply(m, 183, "b", "", b.SDP())
			early := a.Early()
			b.Reply(m, 200, "b", "", strings.Replace(b.SDP(), "9000", "9100", 1))
			b.Want("ACK")
			if ok := a.Connected(); string(ok.Body()) != string(early.Body()) {
				w.T.Errorf("the caller is told\n%sthen\n%s", early.Body(), ok.Body())
			}
			bubble.Over(a, b)
		},
		"CANCEL crosses 200": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", a.SDP())
			m := b.Want("INVITE")
			b.Reply(m, 180, "b", "", "") // before a response no CANCEL is sent (RFC 3261 §9.1)
			a.Want("180 INVITE")
			a.Cancel()
			a.Want("200 CANCEL")
			a.Want("487 INVITE")
			b.Want("CANCEL")
			b.Reply(m, 200, "b", "", b.SDP())
			b.Want("ACK")
			b.Reply(b.Want("BYE"), 200, "", "", "")
		},
		"requests outside a dialog": func(w *bubble.World, a, b *bubble.User) {
			bubble.Talk(a, b, "", "")
			a.Write("PRACK", a.Target, a.Seq+1, "RAck: 1 1 INVITE\r\n", "")
			a.Want("481 PRACK")
			lost := *a
			lost.To = strings.Replace(a.To, ";tag=", ";tag=x", 1)
			for _, method := range []string{"UPDATE", "PRACK", "INFO", "BYE", "REFER"} {
				lost.Request(method, "RAck: 1 1 INVITE\r\n", "")
				if m := lost.AnswerTo(method); m != 481 {
					w.T.Errorf("%s outside a dialog is answered %d", method, m)
				}
			}
			bubble.Over(a, b)
		},
		"offers in answers": func(w *bubble.World, a, b *bubble.User) { // RFC 3261 §13.2.1, §14.2
			a.Calls("sip:bob@time.test", "", "")
			b.Reply(b.Want("INVITE"), 200, "b", "", b.SDP())
			b.Want("ACK")
			ok := a.Want("200 INVITE")
			to, _ := ok.FirstAddr(sip.HdrContact)
			a.To, a.Target = string(ok.Get(sip.HdrTo)), string(to.URI)
			a.Write("ACK", a.Target, 1, "", a.SDP())
			for _, s := range []*bubble.User{a, b} {
				s.Request("INVITE", "", "")
				if m := s.Want("200 INVITE"); !strings.Contains(string(m.Body()), "m=audio") {
					w.T.Errorf("%s is offered\n%s", s.Name, m.Bytes())
				}
				s.Request("ACK", "", s.SDP())
			}
			bubble.Over(a, b)
		},
		"an ACK that lacks the answer": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", "")
			b.Reply(b.Want("INVITE"), 200, "b", "", b.SDP())
			b.Want("ACK")
			a.Connected()
			a.Reply(a.Want("BYE"), 200, "", "", "")
			b.Reply(b.Want("BYE"), 200, "", "", "")
		},
		"an answer that nobody acknowledges": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", a.SDP())
			b.Reply(b.Want("INVITE"), 200, "b", "", b.SDP())
			b.Want("ACK")
			a.Want("200 INVITE")
			w.Pass(33 * time.Second)
			b.Reply(b.Want("BYE"), 200, "", "", "")
			a.Reply(a.Want("BYE"), 200, "", "", "")
		},
		"early media for a caller without a description": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", "")
			m := b.Want("INVITE")
			b.Reply(m, 183, "b", "", b.SDP())
			if ringing := a.Want("180 INVITE"); len(ringing.Body()) != 0 { // its phone makes the tone
				w.T.Errorf("the caller is told\n%s", ringing.Bytes())
			}
			b.Reply(m, 200, "b", "", "")
			b.Want("ACK")
			ok := a.Want("200 INVITE")
			to, _ := ok.FirstAddr(sip.HdrContact)
			a.To, a.Target = string(ok.Get(sip.HdrTo)), string(to.URI)
			a.Write("ACK", a.Target, 1, "", a.SDP())
			bubble.Over(a, b)
		},
		"PRACK on the caller's leg alone": func(w *bubble.World, a, b *bubble.User) {
			b.Extra = "" // it knows no PRACK
			a.Calls("sip:bob@time.test", "Require: 100rel\r\n", a.SDP())
			m := b.Want("INVITE")
			if m.HasToken(sip.HdrRequire, "100rel") {
				w.T.Errorf("bob is asked for what he does not know\n%s", m.Bytes())
			}
			b.Reply(m, 183, "b", "", b.SDP())
			if early := a.Early(); !early.HasToken(sip.HdrRequire, "100rel") { // it acknowledges
				w.T.Errorf("the caller gets\n%s", early.Bytes())
			}
			b.Reply(m, 200, "b", "", "")
			b.Want("ACK")
			a.Connected()
			if b.Came("PRACK") != nil {
				w.T.Error("bob gets a PRACK")
			}
			bubble.Over(a, b)
		},
		"UPDATE before the answer": func(w *bubble.World, a, b *bubble.User) {
			a.Calls("sip:bob@time.test", "", a.SDP())
			m := b.Want("INVITE")
			b.Reply(m, 183, "b", "Require: 100rel\r\nRSeq: 1\r\n", b.SDP())
			b.Reply(b.Want("PRACK"), 200, "", "", "")
			a.Early()
			for _, s := range []*bubble.User{a, b} {
				s.Request("UPDATE", "", s.SDP())
				if m := s.Want("200 UPDATE"); !strings.Contains(string(m.Body()), "m=audio") {
					w.T.Errorf("%s's UPDATE is answered\n%s", s.Name, m.Bytes())
				}
			}
			b.Reply(m, 200, "b", "", "")
			b.Want("ACK")
			a.Connected()
			bubble.Over(a, b)
		},
	} {
		t.Run(name, func(t *testing.T) { bubble.Led(t, nil, f) })
	}
}

// A gateway says 100 and then nothing: the call rings no longer than it may, the
// gateway is told, and its channel is free again.
func TestTrunkThatSaysTrying(t *testing.T) {
	bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
		gateway := &bubble.User{Phone: w.PhoneAt(5), Name: "gw"}
		trunk := gateways.Trunk{Name: "slow", Addresses: []string{"sip:" + gateway.Addr.String()}, Prefixes: []string{"+49"}}
		trunk.Probe = dialect.ProbeOff
		if err := w.S.Trunks().Add(w.T.Context(), trunk); err != nil {
			t.Fatal(err)
		}
		if _, err := w.S.Exchange().Connect(w.T.Context(), "bob", "+49301234567", telephony.Options{Payer: "sip:alice@time.test"}); err != nil {
			t.Fatal(err)
		}
		b.Reply(b.Want("INVITE"), 200, "b", "", b.SDP())
		b.Want("ACK")
		m := gateway.Want("INVITE")
		gateway.Reply(m, 100, "", "", "")
		w.Pass(w.Cfg.Telephony.RingTime + time.Second)
		b.Reply(b.Want("BYE"), 200, "", "", "")
		gateway.Reply(gateway.Want("CANCEL"), 200, "", "", "")
		gateway.Reply(m, 487, "g", "", "")
		if n := w.S.Trunks().Table().ByName("slow").Calls(); n != 0 {
			t.Errorf("%d channels are taken", n)
		}
	})
}
