package dialog

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Devices and proxies that lose the Contact address their requests in the
// dialog to the user; the tags say where they belong.
func TestRequestsToTheAOR(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		for i, method := range []string{"INFO", "BYE"} {
			raw.say(bob, strings.Replace(inside(method, "c1", method, tag, fmt.Sprint(11+i)), "sip:bob@10.0.0.2:5060", "sip:bob@example.com", 1))
			if method == "INFO" {
				bob.wantEvents("request INFO")
				bob.do(func(*Session) { bob.in.Respond(200, Content{}) })
				w.settle()
			}
		}
		w.want("raw>bob INFO", "bob>raw 200 INFO", "raw>bob BYE", "bob>raw 200 BYE")
		bob.wantEvents("ended bye remote=true")
	})
}

// Who does not know both tags ends no call, and moves no flow.
func TestForgedRequests(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		bob.how.Sticky = true
		tag := string(answeredRaw(w, bob, raw).ToTag())
		mallory := w.raw("mallory", 66)
		for i, c := range []struct{ name, text, want string }{
			{"no From tag", strings.Replace(inside("BYE", "c1", "m0", tag, "20"), ";tag=raw", "", 1), "481 BYE"},
			{"another From tag", strings.Replace(inside("BYE", "c1", "m1", tag, "20"), "tag=raw", "tag=RAW", 1), "481 BYE"},
			{"another To tag", inside("BYE", "c1", "m2", strings.ToUpper(tag)+"X", "20"), "404 BYE"},
			{"another Call-ID", inside("BYE", "C1", "m3", tag, "20"), "404 BYE"},
			{"tags exchanged", strings.NewReplacer("tag=raw", "tag="+tag, "tag="+tag, "tag=raw").Replace(inside("BYE", "c1", "m4", tag, "20")), "404 BYE"},
			{"a number of before", inside("BYE", "c1", "m5", tag, "9"), "500 BYE"},
			{"a re-INVITE of before", inside("INVITE", "c1", "m6", tag, "9", "Contact: <sip:mallory@10.0.0.66>"), "500 INVITE"},
			{"an ACK to nothing", inside("ACK", "c1", "m7", "x"+tag, "10"), ""},
		} {
			text := strings.Replace(c.text, "10.0.0.9:5060;branch", "10.0.0.66:5060;branch", 1)
			mallory.say(bob, text)
			list := mallory.received()
			if c.want == "" && len(list) != 0 || c.want != "" && (len(list) != 1 || word(list[0].Bytes()) != c.want) {
				t.Errorf("%d %s: %d answers", i, c.name, len(list))
			}
		}
		bob.wantEvents()
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		raw.one("BYE") // the flow is still the peer's
	})
}

// A number lower than before is refused and changes nothing; a gap is none of
// our business; ACK and CANCEL have the number of their INVITE.
func TestOrderOfNumbers(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag()) // CSeq 10
		raw.say(bob, inside("INVITE", "c1", "r1", tag, "30", "Contact: <sip:raw@10.0.0.9>", "", "offer"))
		bob.wantEvents("request INVITE offer")
		raw.say(bob, inside("OPTIONS", "c1", "o1", tag, "29"))
		raw.say(bob, inside("OPTIONS", "c1", "o2", tag, "31"))
		bob.do(func(*Session) { bob.in.Respond(200, sdp("answer")) })
		w.settle()
		raw.say(bob, inside("ACK", "c1", "a1", tag, "30")) // lower than 31, and right
		bob.wantEvents("acked")
		raw.say(bob, inside("OPTIONS", "c1", "o3", tag, "2000000000"))
		var codes []string
		for _, m := range raw.received() {
			codes = append(codes, word(m.Bytes()))
		}
		if got := strings.Join(codes, ", "); got != "100 INVITE, 500 OPTIONS, 200 OPTIONS, 200 INVITE, 200 OPTIONS" {
			t.Errorf("answers: %s", got)
		}
	})
}

// A 2xx without a session description where one was due makes no call; an
// early answer in the same dialog makes up for it.
func TestAnswerWithoutDescription(t *testing.T) {
	for _, early := range []string{"", "same", "other"} {
		t.Run("early answer: "+early, func(t *testing.T) {
			bubble(t, func(w *world) {
				alice, raw := w.agent("alice", 1, Config{}), w.raw("raw", 9)
				alice.dial(raw, sdp("offer"))
				inv := raw.one("INVITE")
				told := []string{}
				if early != "" {
					raw.reply(alice, inv, 183, early, Content{Header: contactOf("10.0.0.9"), Type: "application/sdp", Body: []byte("early")})
					told = append(told, "progress 183 early")
				}
				raw.reply(alice, inv, 200, "same", Content{Header: contactOf("10.0.0.9")})
				list := raw.received()
				if early == "same" {
					alice.wantEvents(append(told, "answered")...)
					if len(list) != 1 || word(list[0].Bytes()) != "ACK" {
						t.Errorf("%d messages", len(list))
					}
					return
				}
				if len(list) != 2 || word(list[0].Bytes()) != "ACK" || word(list[1].Bytes()) != "BYE" {
					t.Fatalf("%d messages", len(list))
				}
				raw.reply(alice, list[1], 200, "", Content{})
				if early == "other" {
					told = append(told, "ended rejected remote=true")
				}
				alice.wantEvents(append(told, "failed answered without a session description")...)
				w.sleep(time.Minute)
				if n := alice.ua.Table().Len(); n != 0 {
					t.Errorf("%d dialogs left", n)
				}
			})
		})
	}
}
