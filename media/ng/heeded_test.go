package ng

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/media"
	"tandem/media/relay"
)

// What is asked for and not done is told in the reply; what Kamailio and OpenSIPS
// usually ask for is done, or done anyway.
func TestUnheeded(t *testing.T) {
	c, _ := serve(t)
	for name, r := range map[string]Dict{
		"": {"flags": []any{"trust-address", "symmetric", "SIP source address", "codec-mask-all", "codec-transcode-PCMU", "SDES-no-AES_CM_128_HMAC_SHA1_32", "RTP/AVP", "ICE=remove"},
			"replace": []any{"origin", "session connection"}, "via-branch": "1", "rtcp-mux": []any{"demux"}, "ICE": "remove", "transport protocol": "RTP/AVP",
			"received from": []any{"IP4", "127.0.0.1"}, "SDES": []any{"only-AES_CM_128_HMAC_SHA1_80", "pad"}, "DTLS": "passive", "OSRTP": []any{"accept"}, "record call": "no", "supports": []any{"load limit"}},
		"asymmetric, media-handover":       {"flags": []any{"asymmetric", "media handover", "asymmetric", "trust-address"}},
		"DTLS-active, SDES-nonew, TOS":     {"DTLS": "active", "SDES": []any{"off", "nonew"}, "TOS": int64(184)},
		"SDES-unencrypted_srtp, label":     {"flags": []any{"SDES-unencrypted_srtp"}, "label": "x"},
		"T.38, media-echo, record-call-on": {"media echo": "both", "record call": "on", "T.38": []any{"decode"}},
	} {
		r["command"], r["call-id"], r["from-tag"], r["sdp"] = "offer", "x"+name, "a", sdpA
		want := ""
		if name != "" {
			want = "not done: " + name
		}
		if got := ask(t, c, r).String("warning"); got != want {
			t.Errorf("warned %q, want %q", got, want)
		}
	}
	many := Dict{"command": "ping", strings.Repeat("x", 100): "1"}
	for i := range 100 {
		many[strings.Repeat("y", i+1)] = "1"
	}
	if n := len(unheeded(many)); n != maxUnheeded {
		t.Errorf("%d names are told", n)
	}
}

// Each is logged once, however often it is asked for.
func TestUnheededIsLoggedOnce(t *testing.T) {
	s := control(t)
	var log strings.Builder
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		s.answer(Dict{"command": "list", "strange": "1"})
	}
	if n := strings.Count(log.String(), "flag=strange"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// A deletion may be put off; an offer or answer meanwhile takes it back.
func TestDeleteDelay(t *testing.T) {
	s := control(t)
	offer := Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA}
	drop := func(d Dict) *time.Timer {
		t.Helper()
		if r := s.answer(d); r.String("result") != "ok" || r.Dict("totals") == nil {
			t.Fatalf("deleted: %v", r)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if c := s.calls["x"]; c != nil {
			return c.ending
		}
		return nil
	}
	s.answer(offer)
	if drop(Dict{"command": "delete", "call-id": "x", "from-tag": "a", "delete delay": "3000"}) == nil {
		t.Fatal("the call is gone before its time")
	}
	s.answer(offer)
	if c := s.calls["x"]; c == nil || c.ending != nil {
		t.Error("an offer does not take the deletion back")
	}
	drop(Dict{"command": "delete", "call-id": "x", "from-tag": "a", "delete-delay": int64(1)})
	for range 3000 {
		s.mu.Lock()
		n := len(s.calls)
		s.mu.Unlock()
		if n == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if r := s.answer(Dict{"command": "delete", "call-id": "x", "flags": []any{"fatal"}}); r.String("result") != "error" {
		t.Errorf("the call is still there, or its absence not fatal: %v", r)
	}
	s.answer(offer)
	drop(Dict{"command": "delete", "call-id": "x", "from-tag": "a", "delete-delay": int64(0)})
	if len(s.calls) != 0 {
		t.Error("without a delay the call stays")
	}
}

// The family asked for chooses the interface, and holds for later descriptions.
func TestAddressFamily(t *testing.T) {
	m, err := media.New(media.Config{PortMin: 28400, PortMax: 28999, Kernel: "off", Interfaces: []relay.Interface{
		{Name: "four", Bind: netip.MustParseAddr("127.0.0.1")}, {Name: "six", Bind: netip.MustParseAddr("::1")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0", m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.conn.Close()
	defer func() {
		for id := range s.calls {
			s.end(id)
		}
	}()
	for _, c := range []struct {
		family    string
		direction []any
		want      string
		warned    bool
	}{
		{"", nil, "IP4 127.0.0.1", false}, {"IP4", nil, "IP4 127.0.0.1", false}, {"IP6", nil, "IP6 ::1", false},
		{"IP6", []any{"four", "six"}, "IP6 ::1", false}, {"IP6", []any{"four", "four"}, "IP4 127.0.0.1", true},
	} {
		id := c.family + c.want
		offer := Dict{"command": "offer", "call-id": id, "from-tag": "a", "sdp": sdpA}
		if c.family != "" {
			offer["address family"] = c.family
		}
		if c.direction != nil {
			offer["direction"] = c.direction
		}
		r := s.answer(offer)
		if !strings.Contains(r.String("sdp"), "c=IN "+c.want+"\r\n") || (r.String("warning") != "") != c.warned {
			t.Errorf("%+v is answered %v", c, r)
		}
		again := s.answer(Dict{"command": "offer", "call-id": id, "from-tag": "a", "sdp": sdpA})
		if again.String("sdp") != r.String("sdp") {
			t.Errorf("%+v: without the family it is not as before: %v", c, again)
		}
		back := s.answer(Dict{"command": "answer", "call-id": id, "from-tag": "a", "to-tag": "b", "sdp": sdpB, "address-family": "IP4"})
		if !strings.Contains(back.String("sdp"), "c=IN IP4 127.0.0.1\r\n") {
			t.Errorf("%+v: the caller is answered %v", c, back)
		}
		s.end(id)
	}
}
