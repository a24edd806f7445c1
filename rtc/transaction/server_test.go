package transaction

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

func TestServerInvite(t *testing.T) {
	u, s := udp(), tcp()
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"silent user: 100 after 200 ms, again for a copy", []step{{0, come(u, "INVITE")}, {500 * ms, come(u, "INVITE")}, {sec, answer(180)}, {1500 * ms, come(u, "INVITE")}, {2 * sec, answer(200)}, {2500 * ms, come(u, "INVITE")}}, []string{
			"0s < INVITE", "200ms > 100", "500ms > 100", "1s > 180", "1.5s > 180", "2s > 200"}},
		{"a copy draws the waiting 100", []step{{0, come(u, "INVITE")}, {100 * ms, come(u, "INVITE")}, {sec, answer(200)}}, []string{
			"0s < INVITE", "100ms > 100", "200ms > 100", "1s > 200"}},
		{"quick answer: no 100", []step{{0, come(u, "INVITE")}, {100 * ms, answer(183)}, {300 * ms, answer(200)}}, []string{
			"0s < INVITE", "100ms > 183", "300ms > 200"}},
		{"refused, no ACK, UDP: timers G and H", []step{{0, come(u, "INVITE")}, {0, answer(486)}}, []string{
			"0s < INVITE", "0s > 486", "500ms > 486", "1.5s > 486", "3.5s > 486", "7.5s > 486", "11.5s > 486", "15.5s > 486", "19.5s > 486", "23.5s > 486", "27.5s > 486", "31.5s > 486"}},
		{"refused, no ACK, TCP: timer H only", []step{{0, come(s, "INVITE")}, {0, answer(486)}}, []string{"0s < INVITE", "0s > 486"}},
		{"refused, ACK: copies absorbed in timer I", []step{{0, come(u, "INVITE")}, {0, answer(486)}, {600 * ms, come(u, "ACK")}, {700 * ms, come(u, "INVITE")}, {800 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "0s > 486", "500ms > 486"}},
		{"refused, copy of the INVITE draws the response", []step{{0, come(u, "INVITE")}, {0, answer(486)}, {100 * ms, come(u, "INVITE")}, {200 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "0s > 486", "100ms > 486"}},
		{"refused, ACK, TCP: over at once", []step{{0, come(s, "INVITE")}, {0, answer(486)}, {100 * ms, come(s, "ACK")}}, []string{"0s < INVITE", "0s > 486"}},
		{"accepted: the user repeats the 2xx, the ACK goes up", []step{{0, come(u, "INVITE")}, {0, answer(200)}, {500 * ms, answer(200)}, {500 * ms, answer(486)}, {600 * ms, come(u, "INVITE")},
			{700 * ms, come(u, "ACK", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKfar2;rport", "To: <sip:bob@example.com>;tag=callee")}}, []string{
			"0s < INVITE", "0s > 200", "500ms > 200", "700ms < ACK"}},
		{"accepted: an ACK with the INVITE's branch goes up too", []step{{0, come(u, "INVITE")}, {0, answer(200)}, {100 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "0s > 200", "100ms < ACK"}},
		{"ACK to a 180 is ignored", []step{{0, come(u, "INVITE")}, {0, answer(180)}, {100 * ms, come(u, "ACK")}, {200 * ms, answer(486)}, {300 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "0s > 180", "200ms > 486"}},
		{"challenged, UDP: sent once, copies get it, the ACK ends here", []step{{0, come(u, "INVITE")}, {0, answer(407)}, {500 * ms, come(u, "INVITE")}, {600 * ms, come(u, "ACK", "To: <sip:bob@example.com>;tag=callee")}, {700 * ms, come(u, "ACK")}, {800 * ms, answer(200)}}, []string{
			"0s < INVITE", "0s > 407", "500ms > 407", "800ms > 200"}},
		{"challenged, TCP", []step{{0, come(s, "INVITE")}, {0, answer(401)}, {600 * ms, come(s, "ACK")}}, []string{"0s < INVITE", "0s > 401"}},
		{"a 407 after a provisional response is repeated", []step{{0, come(u, "INVITE")}, {0, answer(180)}, {0, answer(407)}, {600 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "0s > 180", "0s > 407", "500ms > 407"}},
		{"a 407 after a drawn 100 is repeated", []step{{0, come(u, "INVITE")}, {100 * ms, come(u, "INVITE")}, {100 * ms, answer(407)}, {700 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "100ms > 100", "100ms > 407", "600ms > 407"}},
		{"only 2xx follow a final response", []step{{0, come(u, "INVITE")}, {0, answer(486)}, {100 * ms, answer(180)}, {200 * ms, answer(404)}, {300 * ms, come(u, "ACK")}, {400 * ms, answer(200)}}, []string{
			"0s < INVITE", "0s > 486", "400ms > 200"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				tt.steps[0].do(w)
				invite := w.server
				for _, st := range tt.steps[1:] {
					w.sleepTo(st.at)
					st.do(w)
					w.server = invite // an ACK replaced it
				}
				w.sleepTo(80 * sec)
				w.want(tt.want...)
				w.idle()
			})
		})
	}
}

func TestServerNonInvite(t *testing.T) {
	u, s := udp(), tcp()
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"answered: copies get the response for 64*T1", []step{{0, come(u, "MESSAGE")}, {100 * ms, come(u, "MESSAGE")}, {200 * ms, answer(200)}, {500 * ms, come(u, "MESSAGE")}, {32 * sec, come(u, "MESSAGE")}, {40 * sec, come(u, "MESSAGE")}, {40 * sec, answer(200)}}, []string{
			"0s < MESSAGE", "200ms > 200", "500ms > 200", "32s > 200", "40s < MESSAGE", "40s > 200"}},
		{"each response has its own time", []step{{0, come(u, "MESSAGE")}, {0, answer(200)}, {sec, come(u, "INFO")}, {sec, answer(202)}, {32900 * ms, come(u, "INFO")}, {33100 * ms, come(u, "INFO")}, {33100 * ms, answer(200)}}, []string{
			"0s < MESSAGE", "0s > 200", "1s < INFO", "1s > 202", "32.9s > 202", "33.1s < INFO", "33.1s > 200"}},
		{"provisional: copies get it", []step{{0, come(u, "MESSAGE")}, {100 * ms, answer(100)}, {500 * ms, come(u, "MESSAGE")}, {sec, answer(202)}, {2 * sec, answer(404)}}, []string{
			"0s < MESSAGE", "100ms > 100", "500ms > 100", "1s > 202"}},
		{"TCP: nothing kept", []step{{0, come(s, "MESSAGE")}, {100 * ms, answer(200)}, {200 * ms, come(s, "MESSAGE")}, {300 * ms, answer(200)}}, []string{
			"0s < MESSAGE", "100ms > 200", "200ms < MESSAGE", "300ms > 200"}},
		{"never answered: ends with its client", []step{{0, come(u, "MESSAGE")}, {40 * sec, answer(200)}}, []string{"0s < MESSAGE"}},
		{"methods do not match each other", []step{{0, come(u, "MESSAGE")}, {0, answer(200)}, {100 * ms, come(u, "INFO")}, {100 * ms, answer(200)}, {200 * ms, come(u, "FOO")}, {200 * ms, answer(200)}, {300 * ms, come(u, "BAR")}, {300 * ms, answer(200)}, {400 * ms, come(u, "FOO")}}, []string{
			"0s < MESSAGE", "0s > 200", "100ms < INFO", "100ms > 200", "200ms < FOO", "200ms > 200", "300ms < BAR", "300ms > 200", "400ms > 200"}},
		{"REGISTER is stateless, its answer may come later", []step{{0, come(u, "REGISTER")}, {100 * ms, come(u, "REGISTER")}, {200 * ms, answer(200)}, {200 * ms, answer(200)}}, []string{
			"0s < REGISTER", "100ms < REGISTER", "200ms > 200"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.play(tt.steps, 100*sec)
				w.want(tt.want...)
				w.idle()
				if n := w.l.Stats().Absorbing; n != 0 {
					t.Errorf("%d responses still kept", n)
				}
			})
		})
	}
}

func TestServerCancel(t *testing.T) {
	u := udp()
	refuse := func(s *Server, m *sip.Message) { s.Respond(487, reply(487)) }
	tests := []struct {
		name   string
		cancel func(*Server, *sip.Message)
		steps  []step
		want   []string
	}{
		{"before a final response", refuse, []step{{0, come(u, "INVITE")}, {100 * ms, answer(180)}, {sec, come(u, "CANCEL")}, {1100 * ms, come(u, "CANCEL")}, {1200 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "100ms > 180", "1s > 200", "1s < cancel", "1s > 487", "1.1s > 200"}},
		{"crossing a 2xx", refuse, []step{{0, come(u, "INVITE")}, {100 * ms, answer(200)}, {sec, come(u, "CANCEL")}}, []string{
			"0s < INVITE", "100ms > 200", "1s > 200"}},
		{"told once, the user takes its time", nil, []step{{0, come(u, "INVITE")}, {100 * ms, answer(180)}, {sec, come(u, "CANCEL")}, {1100 * ms, come(u, "CANCEL")}, {2 * sec, answer(200)}}, []string{
			"0s < INVITE", "100ms > 180", "1s > 200", "1s < cancel", "1.1s > 200", "2s > 200"}},
		{"of nothing", nil, []step{{0, come(u, "CANCEL")}, {0, answer(481)}}, []string{"0s < CANCEL", "0s > 481"}},
		{"of a request that is not an INVITE", nil, []step{{0, come(u, "MESSAGE")}, {0, come(u, "CANCEL")}, {0, answer(481)}}, []string{"0s < MESSAGE", "0s < CANCEL", "0s > 481"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.onCancel = tt.cancel
				w.play(tt.steps, 100*sec)
				w.want(tt.want...)
				w.idle()
			})
		})
	}
}

// The answer to a CANCEL has the To tag of the INVITE's response (RFC 3261 §9.2).
func TestCancelToTag(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		come(udp(), "INVITE")(w)
		come(udp(), "CANCEL")(w)
		if b := string(w.bytes["200"]); !strings.Contains(b, "To: <sip:bob@example.com>;tag=") || strings.Contains(b, "tag=callee") {
			t.Errorf("before a response:\n%s", b)
		}
		answer(180)(w)
		come(udp(), "CANCEL")(w)
		if b := string(w.bytes["200"]); !strings.Contains(b, "To: <sip:bob@example.com>;tag=callee\r\n") {
			t.Errorf("after one:\n%s", b)
		}
		answer(487)(w)
		w.play(nil, 60*sec)
	})
}

// RFC 2543 peers send no branch, or one without the cookie, and some no tag.
func TestRFC2543(t *testing.T) {
	u := udp()
	old := func(method string, more ...string) func(w *world) {
		return come(u, method, append([]string{"Via: SIP/2.0/UDP 192.0.2.1:5070"}, more...)...)
	}
	in(t, Config{}, func(t *testing.T, w *world) {
		w.play([]step{
			{0, old("INVITE")}, {0, old("INVITE")}, {100 * ms, answer(486)},
			{200 * ms, old("INVITE")},
			{300 * ms, old("ACK", "From: <sip:alice@example.com>", "To: <sip:bob@example.com>;tag=callee")}, // ACK without From tag
			{10 * sec, old("INVITE", "CSeq: 8 INVITE")}, {11 * sec, old("CANCEL", "CSeq: 8 CANCEL")}, {11 * sec, answer(487)}, {11 * sec, old("ACK", "CSeq: 8 ACK")},
			{20 * sec, old("MESSAGE", "CSeq: 9 MESSAGE", "From: <sip:alice@example.com>")}, {20 * sec, answer(200)},
			{21 * sec, old("MESSAGE", "CSeq: 9 MESSAGE", "From: <sip:alice@example.com>")},
			{22 * sec, old("MESSAGE", "CSeq: 10 MESSAGE", "From: <sip:alice@example.com>")}, {22 * sec, answer(200)},
			{24 * sec, come(u, "MESSAGE", "Via: SIP/2.0/UDP 192.0.2.1:5070", "CSeq: 12 MESSAGE")}, {24 * sec, answer(200)},
			{24 * sec, func(w *world) { // another Request-URI: a fork that came by two ways
				w.take(u, strings.Replace(request("MESSAGE", "Via: SIP/2.0/UDP 192.0.2.1:5070", "CSeq: 12 MESSAGE"), "sip:bob@", "sip:carol@", 1))
			}},
			{24 * sec, answer(200)},
			{25 * sec, come(u, "MESSAGE", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=1", "CSeq: 12 MESSAGE")}, {25 * sec, answer(200)},
		}, 100*sec)
		w.want("0s < INVITE", "0s > 100", "100ms > 486", "200ms > 486",
			"10s < INVITE", "10.2s > 100", "11s > 200", "11s < cancel", "11s > 487",
			"20s < MESSAGE", "20s > 200", "21s > 200", "22s < MESSAGE", "22s > 200",
			"24s < MESSAGE", "24s > 200", "24s < MESSAGE", "24s > 200", "25s < MESSAGE", "25s > 200")
		w.idle()
	})
}

// The REGISTER of a CSCO/4 telephone: no branch, no From tag, no Max-Forwards,
// addresses without brackets.
func TestCSCO4Register(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		w.take(udp(), "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060\r\nFrom: sip:100@example.com\r\nTo: sip:100@example.com\r\n"+
			"Call-ID: 003094c3-1@192.0.2.1\r\nDate: Sat, 07 Dec 2002 20:10:53 GMT\r\nCSeq: 102 REGISTER\r\nUser-Agent: CSCO/4\r\nContact: sip:100@192.0.2.1:5060\r\nContent-Length: 0\r\nExpires: 3600\r\n\r\n")
		answer(200)(w)
		w.want("0s < REGISTER", "0s > 200")
		// No rport: the response goes to the Via's port (RFC 3261 §18.2.2).
		if got := w.flows[0].Remote.String(); got != "192.0.2.1:5060" {
			t.Errorf("answered to %s", got)
		}
	})
}

func TestResponseDestination(t *testing.T) {
	tests := []struct {
		via  string
		flow transport.Flow
		want string
	}{
		{"SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKx;rport", udp(), "192.0.2.1:5070"},
		{"SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKx", udp(), "192.0.2.1:5080"},
		{"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx", udp(), "192.0.2.1:5060"},
		{"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx;maddr=10.9.9.9", udp(), "192.0.2.1:5060"},
		{"SIP/2.0/TCP 10.0.0.1:5080;branch=z9hG4bKx", tcp(), "192.0.2.1:6070"},
	}
	for _, tt := range tests {
		t.Run(tt.via, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				come(tt.flow, "MESSAGE", "Via: "+tt.via)(w)
				answer(200)(w)
				if got := w.flows[0].Remote.String(); got != tt.want {
					t.Errorf("answered to %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// RFC 3261 §18.2.2: when the connection is gone, a new one is opened.
func TestResponseAfterConnectionClosed(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		come(tcp(), "INVITE")(w)
		w.dead[tcp()] = true
		answer(486)(w)
		if len(w.dialed) != 1 || w.dialed[0].Proto != transport.TCP || w.dialed[0].Addr.String() != "192.0.2.1:5070" {
			t.Errorf("dialled %v", w.dialed)
		}
		if len(w.flows) != 1 || w.flows[0].Remote.Port() != 6999 {
			t.Errorf("sent by %v", w.flows)
		}
		come(tcp(), "ACK")(w)

		// A browser cannot be called back: its response is dropped.
		ws := transport.Flow{Remote: netip.MustParseAddrPort("192.0.2.1:8070")}
		come(ws, "MESSAGE")(w)
		w.dead[ws] = true
		answer(200)(w)
		if len(w.dialed) != 1 || len(w.flows) != 1 {
			t.Errorf("dialled %v, sent by %v", w.dialed, w.flows)
		}
	})
}

// The same when the connection breaks with the response still queued.
func TestResponseQueuedOnABrokenConnection(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		come(tcp(), "INVITE")(w)
		w.server.Lane().Do(func() {
			w.fail = errors.New("reset by peer")
			w.server.Respond(486, reply(486))
			w.mu.Lock()
			w.fail, w.dead[tcp()] = nil, true
			w.mu.Unlock()
		})
		w.play(nil, sec)
		w.want("0s < INVITE", "0s > 486", "0s > 486")
		if len(w.flows) != 2 || w.flows[1].Remote.Port() != 6999 {
			t.Errorf("sent by %v", w.flows)
		}
		come(tcp(), "ACK")(w)
		w.idle()
	})
}

func TestStatelessAnswers(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		bad := request("INVITE", "CSeq: 7 BYE")
		w.take(udp(), bad)
		first := string(w.bytes["400"])
		w.take(udp(), bad)
		if first == "" || first != string(w.bytes["400"]) {
			t.Errorf("a copy is answered otherwise:\n%s\n%s", first, w.bytes["400"])
		}
		if !strings.Contains(first, ";tag=") {
			t.Errorf("no To tag:\n%s", first)
		}
		w.take(udp(), request("ACK", "CSeq: 7 INVITE"))
		w.take(udp(), strings.Replace(w.response(200, "INVITE", "z9hG4bKx"), "CSeq: 7 INVITE", "CSeq: x INVITE", 1))
		w.want("0s > 400", "0s > 400")
		if n := w.l.Stats().Malformed; n != 4 {
			t.Errorf("%d malformed messages counted", n)
		}
		w.idle()
	})
}

// The ACK to an answer the layer gave without remembering it ends here; any
// other ACK goes up.
func TestAckToStatelessAnswer(t *testing.T) {
	in(t, Config{Pressure: func() float64 { return 0.85 }}, func(t *testing.T, w *world) {
		time.Sleep(100 * ms)
		come(udp(), "INVITE")(w)
		_, tag, _ := strings.Cut(string(w.bytes["503"]), "To: <sip:bob@example.com>;tag=")
		tag, _, _ = strings.Cut(tag, "\r\n")
		come(udp(), "ACK", "To: <sip:bob@example.com>;tag="+tag)(w)
		come(udp(), "ACK", "To: <sip:bob@example.com>;tag=other")(w)
		w.want("100ms > 503", "100ms < ACK")
	})
}

func TestKeepOutlivesTheHandler(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		w.onRequest = func(s *Server, m *sip.Message) {
			if first := s.Keep(); first != s.Keep() {
				t.Error("two copies made")
			}
		}
		come(udp(), "MESSAGE")(w)
		if k := w.server.Keep(); k == nil || string(k.CallID()) != "call-1" {
			t.Errorf("kept %v", k)
		}
		w.onRequest = nil
		come(udp(), "INFO")(w)
		if w.server.Keep() != nil {
			t.Error("kept a request after its handler")
		}
	})
}

// Keys of any length, and keys that share a hash, are told apart.
func TestServerKeys(t *testing.T) {
	l := New(Config{Lanes: 1})
	ln := &l.lanes[0]
	var txs []*serverTx
	for i := range 5 {
		tx := &serverTx{hash: 7}
		tx.setKey([]byte(strings.Repeat("k", 30*(i+1))))
		txs = append(txs, tx)
		ln.insert(tx)
	}
	for _, gone := range []int{2, 4, 0, 1, 3} {
		ln.remove(txs[gone])
		ln.remove(txs[gone]) // again: no harm
		txs[gone] = nil
		for i := range txs {
			if got := ln.txs.find(7, []byte(strings.Repeat("k", 30*(i+1)))); got != txs[i] {
				t.Errorf("after removing %d: key %d finds %p, want %p", gone, i, got, txs[i])
			}
		}
	}
	if ln.txs.size != 0 || l.Stats().Server != 0 {
		t.Errorf("%d left, %+v", ln.txs.size, l.Stats())
	}
}
