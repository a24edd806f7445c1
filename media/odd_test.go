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

// Lines that we have no part in pass both ways: bandwidth, titles, attributes of the
// session and of audio, and all that names streams of video, which keeps its own.
func TestForeignLinesPass(t *testing.T) {
	s := start(t)
	a, b := newPort(t), newPort(t)
	offered := "i=talk\nb=CT:1000\nt=0 0\na=x-session:1\nm=audio $A RTP/AVP 0\nb=AS:80\na=x-audio:1\na=ssrc:9 cname:c\nm=video $A RTP/AVP 96 97\ni=camera\nb=AS:384\nb=TIAS:384000\n" +
		"a=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=extmap:3 urn:3gpp:video-orientation\na=ssrc-group:FID 1 2\na=ssrc:1 cname:c\na=x-video:1\n"
	describe := func(p *port, mark string) []byte {
		top := strings.Replace(head, "t=0 0\n", "", 1)
		lines := strings.ReplaceAll(offered, "x-", mark+"-")
		title, rest, _ := strings.Cut(lines, "\n")
		return text(strings.Replace(top, "c=IN", title+"\nc=IN", 1)+rest, p)
	}
	session, _ := open(t, s)
	offer, err := session.Offer(A, describe(a, "a"), Want{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, describe(b, "b"), Want{})
	if err != nil {
		t.Fatal(err)
	}
	for mark, out := range map[string][]byte{"a": offer, "b": answer} {
		for line := range strings.Lines(strings.ReplaceAll(offered, "x-", mark+"-")) {
			line = strings.TrimSpace(line)
			own := strings.HasPrefix(line, "m=") || line == "a=ssrc:9 cname:c" // our ports; audio is a stream of ours
			if found := bytes.Contains(out, []byte("\r\n"+line+"\r\n")); found == own {
				t.Errorf("%q: written on is %v\n%s", line, found, out)
			}
		}
	}
	if again, err := session.Offer(A, describe(a, "a"), Want{}); err != nil || !bytes.Equal(again, offer) {
		t.Errorf("%v: the same offer is written as\n%s\nbefore as\n%s", err, again, offer)
	}
}

// What runs over TCP does not run by us: it keeps its addresses and attributes, in
// the offer and in the answer, and is refused where nobody is opposite.
func TestMediaOverTCP(t *testing.T) {
	s := start(t)
	a, b := newPort(t), newPort(t)
	msrp := "m=message 30010 TCP/TLS/MSRP *\nc=IN IP4 192.0.2.9\na=path:msrps://192.0.2.9:30010/s;tcp\na=setup:actpass\na=fingerprint:sha-256 AA:BB\n"
	bfcp := "m=application 30012 TCP/BFCP *\na=setup:passive\na=connection:new\n"
	session, _ := open(t, s)
	offer, err := session.Offer(A, text(head+"m=audio $A RTP/AVP 0\n"+msrp+bfcp, a), Want{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(out []byte, addr string, parts ...string) {
		t.Helper()
		d := read(t, out)
		if len(d.Media) != 3 || d.Media[0].Port == 30010 || where(d.Media[1]).String() != addr+":30010" || where(d.Media[2]).String() != "127.0.0.1:30012" {
			t.Errorf("written is\n%s", out)
		}
		for _, p := range parts {
			if !bytes.Contains(out, []byte(p+"\r\n")) {
				t.Errorf("%q is missing in\n%s", p, out)
			}
		}
	}
	check(offer, "192.0.2.9", "a=path:msrps://192.0.2.9:30010/s;tcp", "a=setup:actpass", "a=fingerprint:sha-256 AA:BB", "a=connection:new")
	back := strings.NewReplacer("192.0.2.9", "192.0.2.7", "actpass", "active", "passive", "active").Replace(msrp + bfcp)
	answer, err := session.Answer(B, text(head+"m=audio $A RTP/AVP 0\n"+back, b), Want{})
	if err != nil {
		t.Fatal(err)
	}
	check(answer, "192.0.2.7", "a=path:msrps://192.0.2.7:30010/s;tcp", "a=setup:active")

	if single, err := s.Open("alone", Options{}); err != nil {
		t.Fatal(err)
	} else if err := single.TakeOffer(A, text(head+"m=audio $A RTP/AVP 0\n"+msrp+"m=audio 9 TCP/RTP/AVP 0\n", a)); err != nil {
		t.Fatal(err)
	} else if answer, err := single.MakeAnswer(A, Want{}); err != nil || read(t, answer).Media[1].Port != 0 || read(t, answer).Media[2].Port != 0 {
		t.Errorf("with nobody opposite: %v\n%s", err, answer)
	}
}
