package transaction

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"errors"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

func TestClientInvite(t *testing.T) {
	tests := []struct {
		name  string
		flow  transport.Flow
		steps []step
		until time.Duration
		want  []string
	}{
		{"no answer, UDP: timers A and B", udp(), nil, 60 * sec, []string{
			"0s > INVITE", "500ms > INVITE", "1.5s > INVITE", "3.5s > INVITE", "7.5s > INVITE", "15.5s > INVITE", "31.5s > INVITE", "32s < timeout"}},
		{"no answer, TCP: timer B only", tcp(), nil, 60 * sec, []string{"0s > INVITE", "32s < timeout"}},
		{"100 stops retransmission", udp(), []step{{700 * ms, back(100, "INVITE")}, {sec, back(180, "INVITE")}, {40 * sec, back(200, "INVITE")}}, 100 * sec, []string{
			"0s > INVITE", "500ms > INVITE", "1s < 180", "40s < 200"}},
		{"refused, UDP: ACK repeated until timer D", udp(), []step{
			{100 * ms, back(180, "INVITE")}, {200 * ms, back(486, "INVITE")}, {700 * ms, back(486, "INVITE")}, {30 * sec, back(486, "INVITE")}, {33 * sec, back(486, "INVITE")}}, 60 * sec, []string{
			"0s > INVITE", "100ms < 180", "200ms > ACK", "200ms < 486", "700ms > ACK", "30s > ACK", "33s < stray 486"}},
		{"refused, TCP: over at once", tcp(), []step{{200 * ms, back(486, "INVITE")}, {sec, back(486, "INVITE")}}, 60 * sec, []string{
			"0s > INVITE", "200ms > ACK", "200ms < 486", "1s < stray 486"}},
		{"accepted: every 2xx until timer M", udp(), []step{
			{100 * ms, back(200, "INVITE")}, {600 * ms, back(200, "INVITE")}, {2 * sec, back(486, "INVITE")}, {32 * sec, back(200, "INVITE")}, {33 * sec, back(200, "INVITE")}}, 60 * sec, []string{
			"0s > INVITE", "100ms < 200", "600ms < 200", "32s < 200", "33s < stray 200"}},
		{"2xx of another fork after a refusal", udp(), []step{{100 * ms, back(486, "INVITE")}, {sec, back(200, "INVITE")}}, 60 * sec, []string{
			"0s > INVITE", "100ms > ACK", "100ms < 486", "1s < 200"}},
		{"wrong CSeq method is not a match", udp(), []step{{100 * ms, back(200, "BYE")}, {200 * ms, back(200, "INVITE")}}, 60 * sec, []string{
			"0s > INVITE", "200ms < 200"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.begin(sip.INVITE, "INVITE", tt.flow)
				w.play(tt.steps, tt.until)
				w.want(tt.want...)
				w.idle()
			})
		})
	}
}

func TestClientNonInvite(t *testing.T) {
	tests := []struct {
		name  string
		flow  transport.Flow
		steps []step
		want  []string
	}{
		{"no answer, UDP: timers E and F", udp(), nil, []string{
			"0s > MESSAGE", "500ms > MESSAGE", "1.5s > MESSAGE", "3.5s > MESSAGE", "7.5s > MESSAGE", "11.5s > MESSAGE", "15.5s > MESSAGE",
			"19.5s > MESSAGE", "23.5s > MESSAGE", "27.5s > MESSAGE", "31.5s > MESSAGE", "32s < timeout"}},
		{"no answer, TCP: timer F only", tcp(), nil, []string{"0s > MESSAGE", "32s < timeout"}},
		{"a provisional response slows timer E to T2", udp(), []step{{600 * ms, back(100, "MESSAGE")}, {700 * ms, back(183, "MESSAGE")}, {10 * sec, back(200, "MESSAGE")}}, []string{
			"0s > MESSAGE", "500ms > MESSAGE", "700ms < 183", "1.5s > MESSAGE", "5.5s > MESSAGE", "9.5s > MESSAGE", "10s < 200"}},
		{"copies of the final response are absorbed", udp(), []step{{100 * ms, back(200, "MESSAGE")}, {600 * ms, back(200, "MESSAGE")}, {20 * sec, back(200, "MESSAGE")}}, []string{
			"0s > MESSAGE", "100ms < 200"}},
		{"wrong CSeq method is not a match", udp(), []step{{100 * ms, back(200, "INVITE")}, {200 * ms, back(404, "MESSAGE")}}, []string{
			"0s > MESSAGE", "200ms < 404"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.begin(sip.MESSAGE, "MESSAGE", tt.flow)
				w.play(tt.steps, 60*sec)
				w.want(tt.want...)
				w.idle()
			})
		})
	}
}

// Timers are set at any moment; they fire on a tick, never early, at most one
// tick late, and the lateness does not add up.
func TestTimersWithinATick(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		time.Sleep(13 * ms)
		w.begin(sip.INVITE, "INVITE", udp())
		w.play(nil, 60*sec)
		w.want("13ms > INVITE", "550ms > INVITE", "1.55s > INVITE", "3.55s > INVITE", "7.55s > INVITE", "15.55s > INVITE", "31.55s > INVITE", "32.05s < timeout")
	})
}

func TestAckAndCancelCopyTheInvite(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		w.begin(sip.INVITE, "INVITE", udp())
		branch := w.branch("-tail")
		back(180, "INVITE")(w)
		w.client.Lane().Do(func() { w.client.Cancel([]byte(`SIP;cause=200;text="Call completed elsewhere"`)) })
		back(487, "INVITE")(w)
		common := "Via: SIP/2.0/UDP 198.51.100.1:5060;branch=" + branch + ";rport\r\n" +
			"Route: <sip:p1.example.com;lr>\r\nRoute: <sip:p2.example.com;lr>\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\n"
		cancel := "CANCEL sip:bob@example.com SIP/2.0\r\n" + common + "To: <sip:bob@example.com>\r\nCall-ID: call-1\r\nCSeq: 7 CANCEL\r\n" +
			"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\nContent-Length: 0\r\n\r\n"
		if got := string(w.bytes["CANCEL"]); got != cancel {
			t.Errorf("CANCEL is\n%s\nwant\n%s", got, cancel)
		}
		ack := "ACK sip:bob@example.com SIP/2.0\r\n" + common + "To: <sip:bob@example.com>;tag=b\r\nCall-ID: call-1\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n"
		if got := string(w.bytes["ACK"]); got != ack {
			t.Errorf("ACK is\n%s\nwant\n%s", got, ack)
		}
	})
}

func hangUp(w *world) {
	w.client.Lane().Do(func() { w.client.Cancel(nil) })
}

func TestClientCancel(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"after a provisional response, at once", []step{{100 * ms, back(180, "INVITE")}, {sec, hangUp}, {1100 * ms, back(200, "CANCEL")}, {1200 * ms, back(487, "INVITE")}}, []string{
			"0s > INVITE", "100ms < 180", "1s > CANCEL", "1.2s > ACK", "1.2s < 487"}},
		{"before one: waits for it", []step{{100 * ms, hangUp}, {700 * ms, back(100, "INVITE")}, {800 * ms, back(200, "CANCEL")}, {900 * ms, back(487, "INVITE")}}, []string{
			"0s > INVITE", "500ms > INVITE", "700ms > CANCEL", "900ms > ACK", "900ms < 487"}},
		{"before one, final response at once: no CANCEL", []step{{100 * ms, hangUp}, {200 * ms, back(486, "INVITE")}}, []string{
			"0s > INVITE", "200ms > ACK", "200ms < 486"}},
		{"before one, nothing comes: timer B", []step{{100 * ms, hangUp}}, []string{
			"0s > INVITE", "500ms > INVITE", "1.5s > INVITE", "3.5s > INVITE", "7.5s > INVITE", "15.5s > INVITE", "31.5s > INVITE", "32s < timeout"}},
		{"2xx crosses the CANCEL", []step{{100 * ms, back(180, "INVITE")}, {sec, hangUp}, {1050 * ms, back(200, "INVITE")}, {1100 * ms, back(481, "CANCEL")}, {40 * sec, back(481, "CANCEL")}}, []string{
			"0s > INVITE", "100ms < 180", "1s > CANCEL", "1.05s < 200"}},
		{"2xx ends an unanswered CANCEL", []step{{100 * ms, back(180, "INVITE")}, {sec, hangUp}, {1050 * ms, back(200, "INVITE")}}, []string{
			"0s > INVITE", "100ms < 180", "1s > CANCEL", "1.05s < 200"}},
		{"487 ends an unanswered CANCEL", []step{{100 * ms, back(180, "INVITE")}, {sec, hangUp}, {1050 * ms, back(487, "INVITE")}}, []string{
			"0s > INVITE", "100ms < 180", "1s > CANCEL", "1.05s > ACK", "1.05s < 487"}},
		{"CANCEL lost: repeated until answered", []step{{100 * ms, back(180, "INVITE")}, {sec, hangUp}, {3 * sec, back(200, "CANCEL")}, {5 * sec, back(487, "INVITE")}}, []string{
			"0s > INVITE", "100ms < 180", "1s > CANCEL", "1.5s > CANCEL", "2.5s > CANCEL", "5s > ACK", "5s < 487"}},
		{"CANCEL answered, INVITE never: given up after 64*T1", []step{{100 * ms, back(180, "INVITE")}, {sec, hangUp}, {1100 * ms, back(200, "CANCEL")}, {2 * sec, hangUp}}, []string{
			"0s > INVITE", "100ms < 180", "1s > CANCEL", "33s < cancelled"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				w.begin(sip.INVITE, "INVITE", udp())
				w.play(tt.steps, 100*sec)
				w.want(tt.want...)
				w.idle()
			})
		})
	}
}

func TestStaleGeneration(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		w.begin(sip.MESSAGE, "MESSAGE", udp())
		old := w.branch("")
		back(200, "MESSAGE")(w)
		w.begin(sip.MESSAGE, "MESSAGE", udp())
		slot := func(b string) string { return b[len(cookie)+checkLen : BranchLen-genLen] }
		if slot(w.branch("")) != slot(old) || w.branch("") == old {
			t.Fatalf("slot not used again: %s then %s", old, w.branch(""))
		}
		w.take(udp(), w.response(500, "MESSAGE", old))
		w.take(udp(), w.response(202, "MESSAGE", w.branch("")))
		w.want("0s > MESSAGE", "0s < 200", "0s > MESSAGE", "0s < 202")
		w.idle()
	})
}

func TestForeignResponses(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		w.begin(sip.INVITE, "INVITE", udp())
		// Another process's branch, our address: it may be from before a restart.
		w.take(udp(), w.response(200, "INVITE", "z9hG4bKzzzzzzzz"+w.branch("")[15:]))
		w.take(udp(), w.response(200, "INVITE", "z9hG4bK"))
		w.take(udp(), strings.Replace(w.response(200, "INVITE", "z9hG4bKother"), "198.51.100.1", "192.0.2.198", 1))
		w.want("0s > INVITE", "0s < stray 200", "0s < stray 200")
		w.client.Lane().Do(w.client.Abandon)
		w.idle()
	})
}

func TestBranch(t *testing.T) {
	l := New(Config{Lanes: 1024})
	for _, c := range []struct {
		lane      uint16
		slot, gen uint32
	}{{0, 0, 0}, {1023, 1<<25 - 1, 1<<32 - 1}, {512, 77, 1 << 31}} {
		b := l.appendBranch(nil, c.lane, c.slot, c.gen)
		if len(b) != BranchLen {
			t.Errorf("%s has %d octets, not %d", b, len(b), BranchLen)
		}
		ln, slot, gen, ok := l.readBranch(append(b, ".tail"...))
		if !ok || ln.index != c.lane || slot != c.slot || gen != c.gen {
			t.Errorf("%s read back as %d %d %d %v", b, ln.index, slot, gen, ok)
		}
		if _, _, _, ok := New(Config{Lanes: 1024}).readBranch(b); ok {
			t.Errorf("%s matches in another process", b)
		}
	}
	if _, _, _, ok := l.readBranch([]byte(cookie + strings.Repeat("!", 40))); ok {
		t.Error("nonsense read as a branch")
	}
}

func TestTransportFailure(t *testing.T) {
	var unsent []string
	tell := func(_ transport.Flow, b []byte, why error) { unsent = append(unsent, word(b)+" "+why.Error()) }
	in(t, Config{Unsent: tell}, func(t *testing.T, w *world) {
		w.fail = errors.New("connection refused")
		w.begin(sip.INVITE, "INVITE", tcp()) // fails within Send, lane held
		synctest.Wait()
		w.begin(sip.MESSAGE, "MESSAGE", tcp())
		w.play(nil, 60*sec)
		w.want("0s > INVITE", "0s < transport failed", "0s > MESSAGE", "0s < transport failed")
		if n := len(w.l.failures); n != 0 {
			t.Errorf("%d failures kept", n)
		}
		w.idle()
	})
	if want := []string{"INVITE connection refused", "MESSAGE connection refused"}; !slices.Equal(unsent, want) {
		t.Errorf("told of %q, want %q", unsent, want)
	}
}

func TestAbandon(t *testing.T) {
	in(t, Config{}, func(t *testing.T, w *world) {
		ln := w.l.Lane([]byte("x"))
		ln.Do(func() { ln.Client(sip.INVITE, w).Abandon() })
		w.begin(sip.INVITE, "INVITE", udp())
		back(180, "INVITE")(w)
		hangUp(w)
		w.client.Lane().Do(w.client.Abandon)
		back(487, "INVITE")(w)
		w.play(nil, 60*sec)
		w.want("0s > INVITE", "0s < 180", "0s > CANCEL", "0s < stray 487")
		w.idle()
	})
}
