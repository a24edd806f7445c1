package media

import (
	"bytes"
	"strings"
	"testing"
)

// What cannot be read, or has no format anybody knows, costs the line it is about;
// the call goes on, offered or answered so.
func TestOneOddLine(t *testing.T) {
	for name, c := range map[string]struct {
		lines string
		on    bool // the second line is taken
	}{
		"refused data channel":   {"m=application 0 RTP/AVP 96\na=rtpmap:96 H224/0\n", false},
		"data channel":           {"m=application 30004 RTP/AVP 96\na=rtpmap:96 H224/0\n", false},
		"video without formats":  {"m=video 30002 RTP/AVP\n", false},
		"broken crypto":          {"a=crypto:\n", false},
		"broken fingerprint":     {"a=fingerprint:sha-256 none\n", false},
		"rtcp without port":      {"a=rtcp:\n", false},
		"rtpmap of 200":          {"a=rtpmap:200 X/8000\n", false},
		"SRTP with a broken key": {"m=video 30002 RTP/SAVP 96\na=rtpmap:96 VP8/90000\na=crypto:1\n", false},
		"video":                  {"m=video 30002 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=crypto:x\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			a, b := newPort(t), newPort(t)
			odd := head + "m=audio $A RTP/AVP 0\n" + c.lines
			session, _ := open(t, s)
			offer, err := session.Offer(A, text(odd, a), Want{})
			if err != nil {
				t.Fatal(err)
			}
			back := odd
			if len(read(t, offer).Media) == 1 && strings.HasPrefix(c.lines, "m=") {
				back = head + "m=audio $A RTP/AVP 0\n" // it was offered no more
			}
			answer, err := session.Answer(B, text(back, b), Want{})
			if err != nil {
				t.Fatalf("answered: %v\noffered:\n%s", err, offer)
			}
			for i, m := range read(t, answer).Media {
				if on := m.Port != 0; on != (i == 0 || c.on) {
					t.Errorf("m-line %d is on: %v\n%s", i+1, on, answer)
				}
			}
			if bytes.Contains(answer, []byte("crypto")) {
				t.Errorf("a key that cannot be read is answered:\n%s", answer)
			}
			a.say(t, where(read(t, answer).Media[0]), append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7}, "sound"...))
			b.hears(t, "the sound", func(p []byte) bool { return bytes.HasSuffix(p, []byte("sound")) })
		})
	}
}
