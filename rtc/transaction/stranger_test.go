package transaction

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// stranger is another address, whose requests copy all they can of another's.
func stranger() transport.Flow {
	return transport.Flow{Remote: netip.MustParseAddrPort("203.0.113.9:5070")}
}

// Who has seen a request cannot end, acknowledge, shadow or read its
// transaction from another address (RFC 3261 §22.1: the same hop).
func TestStrangerAndTheTransactionOfAnother(t *testing.T) {
	u, x := udp(), stranger()
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"a CANCEL is not of this INVITE", []step{{0, come(u, "INVITE")}, {0, answer(180)}, {sec, come(x, "CANCEL")}, {2 * sec, answer(200)}}, []string{
			"0s < INVITE", "0s > 180", "1s < CANCEL", "2s > 481"}},
		{"an ACK does not end the repetition", []step{{0, come(u, "INVITE")}, {0, answer(180)}, {100 * ms, answer(486)}, {200 * ms, come(x, "ACK")}, {700 * ms, come(u, "ACK")}}, []string{
			"0s < INVITE", "0s > 180", "100ms > 486", "200ms < ACK", "600ms > 486"}},
		{"his copy is a request of his own", []step{{0, come(x, "MESSAGE")}, {0, answer(404)}, {sec, come(u, "MESSAGE")}, {sec, answer(200)}}, []string{
			"0s < MESSAGE", "0s > 404", "1s < MESSAGE", "1s > 200"}},
		{"his copy draws nothing sent to another", []step{{0, come(u, "INVITE")}, {0, answer(180)}, {sec, come(x, "INVITE")}, {sec, answer(404)}, {1100 * ms, come(x, "ACK")}}, []string{
			"0s < INVITE", "0s > 180", "1s < INVITE", "1s > 404"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				var first *Server
				for i, st := range tt.steps {
					w.sleepTo(st.at)
					if i == 1 {
						first = w.server
					}
					if w.server != nil && w.server.Method() == sip.ACK {
						w.server = first
					}
					if strings.HasPrefix(tt.name, "a CANCEL") && i == 3 {
						w.server.Respond(481, reply(481))
						continue
					}
					st.do(w)
				}
				w.sleepTo(tt.steps[len(tt.steps)-1].at)
				w.want(tt.want...)
			})
		})
	}
}

// What an INVITE is refused with on the spot is sent once to each copy of it:
// the source of a datagram may be forged, and a client that has heard nothing
// repeats its INVITE by itself (RFC 3261 §8.2.7).
func TestRefusedOnTheSpotIsNotRepeated(t *testing.T) {
	for _, code := range []int{302, 403, 407, 420, 483, 503, 603} {
		t.Run(fmt.Sprint(code, " on a stream"), func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.onRequest = func(s *Server, m *sip.Message) { s.Respond(code, reply(code)) }
				come(tcp(), "INVITE")(w)
				w.idle() // or strangers would fill the memory for 32 s
				come(tcp(), "ACK")(w)
				w.want("0s < INVITE", fmt.Sprintf("0s > %d", code))
			})
		})
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.onRequest = func(s *Server, m *sip.Message) { s.Respond(code, reply(code)) }
				come(udp(), "INVITE")(w)
				if n := w.l.Stats().Server; n != 0 {
					t.Errorf("%d transactions held", n)
				}
				w.sleepTo(500 * ms)
				come(udp(), "INVITE")(w)
				come(udp(), "ACK")(w)
				w.sleepTo(60 * sec)
				w.want("0s < INVITE", fmt.Sprintf("0s > %d", code), fmt.Sprintf("500ms > %d", code))
				w.idle()
			})
		})
	}
}

// An answer goes to the host the request came from, whatever its Via says when
// it comes back from further down.
func TestNoWayBackByForgedVia(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		come(tcp(), "INVITE")(w)
		w.dead[tcp()] = true
		w.server.Lane().Do(func() {
			w.server.Respond(486, []byte(strings.ReplaceAll(string(reply(486)), "192.0.2.1:5070;branch=z9hG4bKfar1;rport=5070;received=192.0.2.1", "192.0.2.1:22;branch=z9hG4bKfar1;received=203.0.113.9")))
		})
		if len(w.dialed) != 1 || w.dialed[0].Addr.String() != "192.0.2.1:5070" {
			t.Errorf("dialled %v", w.dialed)
		}
		come(tcp(), "ACK")(w)
	})
}
