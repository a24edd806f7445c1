package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/telephony"
)

// user is a phone in a dialog with the server.
type user struct {
	*phone
	name       string
	id         string
	from, to   string // of our requests
	target     string
	seq        int
	extra      string // lines of every request and 2xx of ours
	version    int
	unanswered []*sip.Message // what came
	via        string         // of the INVITE
	seen       int            // how much of phone.got was looked at
}

const supports = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\nSupported: timer, 100rel\r\n"

func (s *user) sdp() string {
	s.version++
	return fmt.Sprintf("v=0\r\no=- 1 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n", s.version)
}

// write sends a request; the ACK has the number of the INVITE.
func (s *user) write(method, uri string, seq int, lines, body string) {
	s.n++
	via := fmt.Sprintf("SIP/2.0/UDP %s;rport;branch=z9hG4bK%d-%d", s.flow.Remote, s.flow.Remote.Port(), s.n)
	if method == "INVITE" {
		s.via = via
	}
	if body != "" {
		lines += "Content-Type: application/sdp\r\n"
	}
	s.send(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\n%s%sContent-Length: %d\r\n\r\n%s",
		method, uri, via, s.from, s.to, s.id, seq, method, s.name, s.flow.Remote, s.extra, lines, len(body), body))
}

func (s *user) request(method, lines, body string) {
	if method != "ACK" {
		s.seq++
	}
	s.write(method, s.target, s.seq, lines, body)
}

// came looks at what has come since and returns the first message that fits. The
// others are looked at again.
func (s *user) came(what string) *sip.Message {
	s.look()
	for ; s.seen < len(s.got); s.seen++ {
		m := new(sip.Message)
		if m.Parse(s.got[s.seen].raw) == nil {
			s.unanswered = append(s.unanswered, m)
		}
	}
	for i, m := range s.unanswered {
		if kindOf(m) == what {
			s.unanswered = slices.Delete(s.unanswered, i, i+1)
			return m
		}
	}
	return nil
}

// kindOf is "INVITE", or "200 INVITE".
func kindOf(m *sip.Message) string {
	if m.IsRequest() {
		return string(m.MethodName())
	}
	return fmt.Sprint(m.StatusCode(), " ", string(m.CSeqMethod()))
}

// want waits up to a second for a message.
func (s *user) want(what string) *sip.Message {
	s.w.t.Helper()
	for range 100 {
		if m := s.came(what); m != nil {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	var have []string
	for _, m := range s.unanswered {
		have = append(have, kindOf(m))
	}
	s.w.t.Fatalf("%s waits for %s; there came %q", s.name, what, have)
	return nil
}

// reply answers a request. A tag makes a dialog of it.
func (s *user) reply(m *sip.Message, code int, tag, lines, body string) {
	r := sip.Response{Code: code, ToTag: tag, Header: []byte(lines), Body: []byte(body)}
	if code < 300 && code > 100 {
		r.Header = []byte(fmt.Sprintf("Contact: <sip:%s@%s>\r\n%s%s", s.name, s.flow.Remote, s.extra, lines))
	}
	if body != "" {
		r.ContentType = "application/sdp"
	}
	s.send(sip.AppendResponse(nil, m, r))
	if tag != "" && s.id == "" {
		a, _ := m.FirstAddr(sip.HdrContact)
		s.id, s.target, s.seq = string(m.CallID()), string(a.URI), 100
		s.from, s.to = string(m.Get(sip.HdrTo))+";tag="+tag, string(m.Get(sip.HdrFrom))
	}
}

// led is the server with all calls led, and two phones.
func led(t *testing.T, change func(w *world), f func(w *world, a, b *user)) {
	t.Helper()
	inTime(t, func(w *world) {
		w.cfg.Telephony.AllCalls, w.cfg.Numbers.Country = true, "DE"
		w.cfg.Media.Idle = 48 * time.Hour // nobody says anything
		w.cfg.Media.Interfaces = []config.MediaInterface{{Addr: "127.0.0.1"}}
		if change != nil {
			change(w)
		}
		w.stop()
		w.open()
		a, b := &user{phone: w.phone(), name: "alice", extra: supports}, &user{phone: w.phone(), name: "bob", extra: supports}
		b.register("bob", 3600)
		f(w, a, b)
		w.leavesNothing()
	})
}

// leavesNothing fails when something of calls is left a minute later. That no
// goroutine is left, the bubble sees to.
func (w *world) leavesNothing() {
	w.t.Helper()
	w.pass(61 * time.Second)
	calls, dialogs, sessions, ports := w.s.exchange.Active(), w.s.exchange.Dialogs(), len(w.s.media.Sessions()), w.ports.open.Load()
	if calls+dialogs+sessions != 0 || ports != 0 {
		w.t.Errorf("%d calls, %d dialogs, %d media sessions and %d ports are left", calls, dialogs, sessions, ports)
	}
}

// calls sends the caller's INVITE.
func (s *user) calls(uri, lines, body string) {
	s.id, s.seq = fmt.Sprint("call-", s.n, "-", s.flow.Remote.Port()), 1
	s.from, s.to = fmt.Sprintf("<sip:%s@time.test>;tag=%d", s.name, s.n), "<"+uri+">"
	s.write("INVITE", uri, 1, lines, body)
}

// connected takes the 200 and acknowledges it.
func (s *user) connected() *sip.Message {
	s.w.t.Helper()
	m := s.want("200 INVITE")
	a, _ := m.FirstAddr(sip.HdrContact)
	s.to, s.target = string(m.Get(sip.HdrTo)), string(a.URI)
	s.write("ACK", s.target, 1, "", "")
	return m
}

// talk connects the two.
func talk(a, b *user, lines, answer string) {
	a.w.t.Helper()
	a.calls("sip:bob@time.test", lines, a.sdp())
	b.reply(b.want("INVITE"), 200, "b", answer, b.sdp())
	b.want("ACK")
	a.connected()
}

// over ends the call from a side.
func over(a, b *user) {
	a.w.t.Helper()
	a.request("BYE", "", "")
	a.want("200 BYE")
	b.reply(b.want("BYE"), 200, "", "", "")
}

// A call of 24 hours: each side refreshes as it was agreed with it, the server asks
// whom it has to, and none of it reaches the other side.
func TestCallOfADay(t *testing.T) {
	led(t, nil, func(w *world, a, b *user) {
		talk(a, b, "", "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\n")
		asked := 0
		for range 96 { // quarters of an hour
			time.Sleep(15 * time.Minute)
			a.request("UPDATE", "Session-Expires: 1800;refresher=uac\r\n", "")
			if m := a.want("200 UPDATE"); !strings.HasPrefix(string(m.GetName("Session-Expires")), "1800") {
				t.Fatalf("the refresh is answered\n%s", m.Bytes())
			}
			for m := b.came("UPDATE"); m != nil; m = b.came("UPDATE") {
				asked++
				b.reply(m, 200, "", "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\n", "")
			}
		}
		if asked < 95 || asked > 97 {
			t.Errorf("bob was asked %d times in a day, want 96", asked)
		}
		if n := w.s.exchange.Active(); n != 1 {
			t.Fatalf("%d calls after a day", n)
		}
		over(a, b)
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
			led(t, nil, func(w *world, a, b *user) {
				talk(a, b, "", "Require: timer\r\nSession-Expires: 1800;refresher="+c.refresher+"\r\n")
				begun := time.Now()
				var ended time.Duration
				for time.Since(begun) < time.Hour && ended == 0 {
					time.Sleep(time.Second)
					if s := time.Since(begun).Truncate(time.Second); s%(15*time.Minute) == 0 {
						a.request("UPDATE", "Session-Expires: 1800;refresher=uac\r\n", "")
					}
					for m := b.came("UPDATE"); m != nil; m = b.came("UPDATE") {
						switch {
						case c.code == 422 && !strings.HasPrefix(string(m.GetName("Session-Expires")), "3600"):
							b.reply(m, 422, "", "Min-SE: 3600\r\n", "")
						case c.code == 422:
							b.reply(m, 200, "", "Require: timer\r\nSession-Expires: 3600;refresher=uac\r\n", "")
						case c.code != 0:
							b.reply(m, c.code, "", "", "")
						}
					}
					if m := a.came("BYE"); m != nil {
						ended = time.Since(begun).Round(time.Second)
						a.reply(m, 200, "", "", "")
					}
				}
				if off := ended - c.ends; off < -2*time.Second || off > 2*time.Second {
					t.Errorf("the call ended after %v, want %v", ended, c.ends)
				}
				if ended == 0 {
					over(a, b)
				} else if m := b.came("BYE"); m != nil {
					b.reply(m, 200, "", "", "")
				}
			})
		})
	}
}

// Calls of the kind that leave something behind.
func TestOddCalls(t *testing.T) {
	for name, f := range map[string]func(w *world, a, b *user){
		"a forged BYE": func(w *world, a, b *user) {
			talk(a, b, "", "")
			stranger := &user{phone: w.phoneAt(2), name: "alice", id: a.id, target: a.target, from: strings.Replace(a.from, "tag=", "tag=x", 1), to: a.to}
			stranger.request("BYE", "", "")
			stranger.want("481 BYE")
			if b.came("BYE") != nil {
				w.t.Error("bob's call is ended by a stranger")
			}
			over(a, b)
		},
		"BYE with a number of before": func(w *world, a, b *user) {
			talk(a, b, "", "")
			a.seq = 50
			a.request("UPDATE", "", "")
			a.want("200 UPDATE")
			a.write("BYE", a.target, 20, "", "")
			a.want("500 BYE")
			over(a, b)
		},
		"two 200s": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", a.sdp())
			m := b.want("INVITE")
			b.reply(m, 200, "b", "", b.sdp())
			fork := &user{phone: b.phone, name: "bob", extra: supports}
			fork.reply(m, 200, "c", "", fork.sdp())
			b.want("ACK")
			b.want("ACK")
			bye := b.want("BYE")
			if string(bye.ToTag()) != "c" {
				w.t.Errorf("BYE to %s", bye.ToTag())
			}
			b.reply(bye, 200, "", "", "")
			a.connected()
			over(a, b)
		},
		"a 200 without description": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", a.sdp())
			b.reply(b.want("INVITE"), 200, "b", "", "")
			b.want("ACK")
			b.reply(b.want("BYE"), 200, "", "", "")
			a.want("502 INVITE")
		},
		"other media in the 200 than in the 183": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", a.sdp())
			m := b.want("INVITE")
			b.reply(m, 183, "b", "", b.sdp())
			early := a.early()
			b.reply(m, 200, "b", "", strings.Replace(b.sdp(), "9000", "9100", 1))
			b.want("ACK")
			if ok := a.connected(); string(ok.Body()) != string(early.Body()) {
				w.t.Errorf("the caller is told\n%sthen\n%s", early.Body(), ok.Body())
			}
			over(a, b)
		},
		"CANCEL crosses 200": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", a.sdp())
			m := b.want("INVITE")
			b.reply(m, 180, "b", "", "") // before a response no CANCEL is sent (RFC 3261 §9.1)
			a.want("180 INVITE")
			a.cancel()
			a.want("200 CANCEL")
			a.want("487 INVITE")
			b.want("CANCEL")
			b.reply(m, 200, "b", "", b.sdp())
			b.want("ACK")
			b.reply(b.want("BYE"), 200, "", "", "")
		},
		"requests outside a dialog": func(w *world, a, b *user) {
			talk(a, b, "", "")
			a.write("PRACK", a.target, a.seq+1, "RAck: 1 1 INVITE\r\n", "")
			a.want("481 PRACK")
			lost := *a
			lost.to = strings.Replace(a.to, ";tag=", ";tag=x", 1)
			for _, method := range []string{"UPDATE", "PRACK", "INFO", "BYE", "REFER"} {
				lost.request(method, "RAck: 1 1 INVITE\r\n", "")
				if m := lost.answerTo(method); m != 481 {
					w.t.Errorf("%s outside a dialog is answered %d", method, m)
				}
			}
			over(a, b)
		},
		"offers in answers": func(w *world, a, b *user) { // RFC 3261 §13.2.1, §14.2
			a.calls("sip:bob@time.test", "", "")
			b.reply(b.want("INVITE"), 200, "b", "", b.sdp())
			b.want("ACK")
			ok := a.want("200 INVITE")
			to, _ := ok.FirstAddr(sip.HdrContact)
			a.to, a.target = string(ok.Get(sip.HdrTo)), string(to.URI)
			a.write("ACK", a.target, 1, "", a.sdp())
			for _, s := range []*user{a, b} {
				s.request("INVITE", "", "")
				if m := s.want("200 INVITE"); !strings.Contains(string(m.Body()), "m=audio") {
					w.t.Errorf("%s is offered\n%s", s.name, m.Bytes())
				}
				s.request("ACK", "", s.sdp())
			}
			over(a, b)
		},
		"an ACK that lacks the answer": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", "")
			b.reply(b.want("INVITE"), 200, "b", "", b.sdp())
			b.want("ACK")
			a.connected()
			a.reply(a.want("BYE"), 200, "", "", "")
			b.reply(b.want("BYE"), 200, "", "", "")
		},
		"an answer that nobody acknowledges": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", a.sdp())
			b.reply(b.want("INVITE"), 200, "b", "", b.sdp())
			b.want("ACK")
			a.want("200 INVITE")
			w.pass(33 * time.Second)
			b.reply(b.want("BYE"), 200, "", "", "")
			a.reply(a.want("BYE"), 200, "", "", "")
		},
		"UPDATE before the answer": func(w *world, a, b *user) {
			a.calls("sip:bob@time.test", "", a.sdp())
			m := b.want("INVITE")
			b.reply(m, 183, "b", "Require: 100rel\r\nRSeq: 1\r\n", b.sdp())
			b.reply(b.want("PRACK"), 200, "", "", "")
			a.early()
			for _, s := range []*user{a, b} {
				s.request("UPDATE", "", s.sdp())
				if m := s.want("200 UPDATE"); !strings.Contains(string(m.Body()), "m=audio") {
					w.t.Errorf("%s's UPDATE is answered\n%s", s.name, m.Bytes())
				}
			}
			b.reply(m, 200, "b", "", "")
			b.want("ACK")
			a.connected()
			over(a, b)
		},
	} {
		t.Run(name, func(t *testing.T) { led(t, nil, f) })
	}
}

// cancel takes the INVITE back, on its branch.
func (s *user) cancel() {
	s.send(fmt.Appendf(nil, "CANCEL sip:bob@time.test SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
		s.via, s.from, s.to, s.id))
}

// early takes a 183 and acknowledges it where it wants that.
func (s *user) early() *sip.Message {
	s.w.t.Helper()
	m := s.want("183 INVITE")
	a, _ := m.FirstAddr(sip.HdrContact)
	s.to, s.target = string(m.Get(sip.HdrTo)), string(a.URI)
	if m.HasToken(sip.HdrRequire, "100rel") {
		s.request("PRACK", fmt.Sprintf("RAck: %s 1 INVITE\r\n", m.GetName("RSeq")), "")
		s.want("200 PRACK")
	}
	return m
}

// answerTo is the status of the final response to a request.
func (s *user) answerTo(method string) int {
	for range 100 {
		s.came("")
		for i, m := range s.unanswered {
			if !m.IsRequest() && string(m.CSeqMethod()) == method && m.StatusCode() >= 200 {
				s.unanswered = slices.Delete(s.unanswered, i, i+1)
				return m.StatusCode()
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0
}

// A gateway says 100 and then nothing: the call rings no longer than it may, the
// gateway is told, and its channel is free again.
func TestTrunkThatSaysTrying(t *testing.T) {
	led(t, nil, func(w *world, a, b *user) {
		gateway := &user{phone: w.phoneAt(5), name: "gw"}
		trunk := gateways.Trunk{Name: "slow", Addresses: []string{"sip:" + gateway.addr.String()}, Prefixes: []string{"+49"}}
		trunk.Probe = dialect.ProbeOff
		if err := w.s.trunks.Add(w.t.Context(), trunk); err != nil {
			t.Fatal(err)
		}
		if _, err := w.s.exchange.Connect(w.t.Context(), "bob", "+49301234567", telephony.Options{Payer: "sip:alice@time.test"}); err != nil {
			t.Fatal(err)
		}
		b.reply(b.want("INVITE"), 200, "b", "", b.sdp())
		b.want("ACK")
		m := gateway.want("INVITE")
		gateway.reply(m, 100, "", "", "")
		w.pass(w.cfg.Telephony.RingTime + time.Second)
		b.reply(b.want("BYE"), 200, "", "", "")
		gateway.reply(gateway.want("CANCEL"), 200, "", "", "")
		gateway.reply(m, 487, "g", "", "")
		if n := w.s.trunks.Table().ByName("slow").Calls(); n != 0 {
			t.Errorf("%d channels are taken", n)
		}
	})
}
