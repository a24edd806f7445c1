package dialog

import (
	"fmt"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// contactOf is a Contact line of a raw peer.
func contactOf(addr string) []byte { return []byte("Contact: <sip:x@" + addr + ">\r\n") }

func TestForkedEarlyDialogs(t *testing.T) {
	bubble(t, func(w *world) {
		alice, proxy := w.agent("alice", 1, Config{}), w.raw("proxy", 9)
		one, two := w.raw("one", 11), w.raw("two", 12)
		alice.dial(proxy, sdp("offer"))
		inv := proxy.one("INVITE")
		proxy.reply(alice, inv, 180, "one", Content{Header: contactOf("10.0.0.11")})
		proxy.reply(alice, inv, 183, "two", Content{Header: contactOf("10.0.0.12"), Type: "application/sdp", Body: []byte("early")})
		alice.wantEvents("progress 180", "progress 183 early")
		if n := alice.ua.Table().Len(); n != 2 {
			t.Errorf("%d early dialogs, want 2", n)
		}
		proxy.reply(alice, inv, 200, "two", Content{Header: contactOf("10.0.0.12:5060"), Type: "application/sdp", Body: []byte("answer")})
		alice.wantEvents("ended forked remote=false", "answered answer")
		if ack := two.one("ACK"); string(ack.ToTag()) != "two" {
			t.Errorf("ACK for %s", ack.ToTag())
		}
		// the other answers as well: ACK and BYE
		proxy.reply(alice, inv, 200, "one", Content{Header: contactOf("10.0.0.11:5060"), Type: "application/sdp", Body: []byte("late")})
		list := one.received()
		if len(list) < 2 || word(list[0].Bytes()) != "ACK" || word(list[1].Bytes()) != "BYE" {
			t.Fatalf("the loser got %d messages", len(list))
		}
		if a, _ := list[0].CSeq(); a != 1 {
			t.Errorf("ACK has CSeq %d", a)
		}
		if b, _ := list[1].CSeq(); b != 2 {
			t.Errorf("BYE has CSeq %d", b)
		}
		one.reply(alice, list[1], 200, "", Content{})
		// a third, never heard of before, and its repetition
		for range 2 {
			proxy.reply(alice, inv, 200, "three", Content{Header: contactOf("10.0.0.11:5060")})
		}
		acks := 0
		for _, m := range one.received() {
			if word(m.Bytes()) == "ACK" && string(m.ToTag()) == "three" {
				acks++
			}
		}
		if acks != 2 {
			t.Errorf("%d ACKs for the third answer and its repetition, want 2", acks)
		}
		// the winner's repetition gets the same ACK again
		two.received()
		proxy.reply(alice, inv, 200, "two", Content{Header: contactOf("10.0.0.12:5060")})
		if ack := two.one("ACK"); string(ack.ToTag()) != "two" {
			t.Errorf("ACK for %s", ack.ToTag())
		}
		alice.wantEvents()
		if alice.last.State() != Confirmed {
			t.Errorf("the winner is %v", alice.last.State())
		}
	})
}

func TestForksAreBounded(t *testing.T) {
	bubble(t, func(w *world) {
		alice, proxy := w.agent("alice", 1, Config{}), w.raw("proxy", 9)
		alice.dial(proxy, sdp("offer"))
		inv := proxy.one("INVITE")
		for i := range 100 {
			b := sip.AppendResponse(nil, inv, sip.Response{Code: 180, ToTag: fmt.Sprint("t", i), Header: contactOf("10.0.0.9")})
			w.send(proxy.addr, alice.addr, b)
		}
		w.settle()
		if n := alice.ua.Table().Len(); n != maxForks {
			t.Errorf("%d early dialogs, want %d", n, maxForks)
		}
		proxy.reply(alice, inv, 486, "t1", Content{})
		w.sleep(40 * time.Second)
		if n := alice.ua.Table().Len(); n != 0 {
			t.Errorf("%d dialogs left", n)
		}
	})
}

func TestTableIsBounded(t *testing.T) {
	bubble(t, func(w *world) {
		bob := w.agent("bob", 2, Config{Table: newTable(1)})
		alice, carol := w.agent("alice", 1, Config{}), w.agent("carol", 3, Config{})
		alice.dial(bob, sdp("offer"))
		carol.dial(bob, sdp("offer"))
		w.want("alice>bob INVITE", "carol>bob INVITE", "bob>carol 503 INVITE", "carol>bob ACK")
		carol.wantEvents("failed 503")
	})
}

// What a caller cannot keep is acknowledged and ended.
func TestAnswerWithoutRoom(t *testing.T) {
	bubble(t, func(w *world) {
		table := newTable(1)
		alice, bob := w.agent("alice", 1, Config{Table: table}), w.agent("bob", 2, Config{})
		carol := w.agent("carol", 3, Config{})
		carol.dial(alice, sdp("offer"))
		w.lines()
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK", "alice>bob BYE", "bob>alice 200 BYE")
	})
}
