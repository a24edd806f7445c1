package ng

import (
	"net/netip"
	"strings"
	"testing"

	"tandem/media"
)

// Only this machine may ask, until networks are named.
func TestWhoMayAsk(t *testing.T) {
	s := control(t)
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "127.3.2.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"192.0.2.1": false, "2001:db8::1": false, "::ffff:192.0.2.1": false, "10.0.0.5": false,
	} {
		if got := s.may(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	s.From(netip.MustParsePrefix("192.0.2.0/24"))
	if !s.may(netip.MustParseAddr("::ffff:192.0.2.1")) || s.may(netip.MustParseAddr("192.0.3.1")) {
		t.Error("a network that was named may ask, and no other")
	}
}

// An answer is of the profile that was offered, whatever its request says.
func TestProfileOfAnAnswerIsTheOffers(t *testing.T) {
	for _, proto := range []string{"RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/AVP"} {
		if w := answering(Dict{"transport-protocol": proto}); w.Security != media.SecurityAsOther {
			t.Errorf("%s: %q", proto, w.Security)
		}
	}
	if w := answering(Dict{"SDES": []any{"off"}}); w.Security != media.SecurityNone {
		t.Errorf("without keys: %q", w.Security)
	}
	c, _ := serve(t)
	ask(t, c, Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA})
	ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": sdpB, "transport-protocol": "RTP/SAVP"})
}

// An offer in clear where the call is protected is refused before the other side
// is asked, and what was agreed stays.
func TestDowngradeIsRefusedAtTheOffer(t *testing.T) {
	const key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n"
	c, _ := serve(t)
	offer := Dict{"command": "offer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": strings.Replace(sdpA, "RTP/AVP", "RTP/SAVP", 1) + key, "transport-protocol": "RTP/AVP"}
	answer := Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": sdpB}
	ask(t, c, offer)
	ask(t, c, answer)
	offer["sdp"] = strings.Replace(sdpA, "a 1 1", "a 1 2", 1)
	if r, err := c.Do(t.Context(), offer); err == nil {
		t.Errorf("offered in clear: %v", r)
	}
	offer["sdp"] = strings.Replace(sdpA, "a 1 1", "a 1 3", 1) + key // and it goes on
	ask(t, c, offer)
	if text := ask(t, c, answer).String("sdp"); !strings.Contains(text, "a=crypto:1 ") {
		t.Errorf("answered\n%s", text)
	}
}

// With SIP-source-address media goes where signalling came from, with
// media-address where that says; a hold stays one.
func TestSourceOfSignalling(t *testing.T) {
	from := []any{"IP4", "192.0.2.77"}
	for _, c := range []struct {
		r    Dict
		want string
	}{
		{Dict{"sdp": sdpA, "received-from": from, "flags": []any{"SIP-source-address"}}, "c=IN IP4 192.0.2.77\r\n"},
		{Dict{"sdp": sdpA, "received from": from, "flags": []any{"SIP source address"}}, "c=IN IP4 192.0.2.77\r\n"},
		{Dict{"sdp": sdpA, "received-from": from}, "c=IN IP4 127.0.0.1\r\n"},
		{Dict{"sdp": sdpA, "flags": []any{"SIP-source-address"}}, "c=IN IP4 127.0.0.1\r\n"},
		{Dict{"sdp": sdpA, "media address": "192.0.2.9", "received-from": from, "flags": []any{"SIP-source-address"}}, "c=IN IP4 192.0.2.9\r\n"},
		{Dict{"sdp": sdpA, "media-address": "192.0.2.9"}, "c=IN IP4 192.0.2.9\r\n"},
		{Dict{"sdp": sdpA, "media-address": "nowhere"}, "c=IN IP4 127.0.0.1\r\n"},
		{Dict{"sdp": sdpA + "c=IN IP4 10.0.0.1\r\n", "received-from": from, "flags": []any{"SIP-source-address"}}, "c=IN IP4 192.0.2.77\r\n"},
		{Dict{"sdp": strings.ReplaceAll(sdpA, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"), "received-from": from, "flags": []any{"SIP-source-address"}}, "c=IN IP4 0.0.0.0\r\n"},
	} {
		if got := source(c.r); strings.Count(got, "c=IN") > strings.Count(c.r.String("sdp"), "c=IN") || !strings.Contains(got, c.want) || strings.Contains(got, "10.0.0.1") {
			t.Errorf("%v gives\n%s", c.r, got)
		}
	}
}

// Whose tags are wrong ends nothing, and a branch that lost ends itself alone.
func TestDeleteByTags(t *testing.T) {
	c, m := serve(t)
	ask(t, c, Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA})
	for _, tag := range []string{"b1", "b2"} {
		ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": tag, "sdp": sdpB})
	}
	for _, r := range []Dict{
		{"command": "delete", "call-id": "x", "from-tag": "somebody"},
		{"command": "delete", "call-id": "x", "from-tag": "somebody", "to-tag": "else"},
		{"command": "delete", "call-id": "x", "from-tag": "a", "to-tag": "b1"},
	} {
		if ask(t, c, r); len(m.Sessions()) != 1 {
			t.Fatalf("%v ended the call", r)
		}
	}
	if ask(t, c, Dict{"command": "delete", "call-id": "x", "from-tag": "b2", "to-tag": "a"}); len(m.Sessions()) != 0 {
		t.Error("the call goes on after its end")
	}
}
