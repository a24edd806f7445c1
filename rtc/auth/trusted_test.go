package auth

import (
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// An ACK over a trusted flow has an identity, so it is relayed even if its sender has
// lost the proxy's mark. The ACK of a stranger has none.
func TestTrustedACK(t *testing.T) {
	const text = "ACK sip:x@far.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
		"From: <sip:gw@192.0.2.1>;tag=1\r\nTo: <sip:x@far.example>;tag=2\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n\r\n"
	var m sip.Message
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	g := New(Config{Domains: []string{"example.com"}})
	for _, isTrusted := range []bool{true, false} {
		v := g.decide(&m, sender{trusted: isTrusted}, time.Now(), g.newWork())
		if v.act != actPass || (v.identity != nil) != isTrusted {
			t.Errorf("trusted %v: %+v", isTrusted, v)
		}
		if v.identity != nil && v.identity.Method != rtc.AuthTrusted {
			t.Errorf("identity %+v", v.identity)
		}
	}
}
