package exchange

import (
	"os"
	"strings"
	"testing"

	"tandem/media/sdp"
)

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var ourPrint = sdp.Fingerprint{Hash: "sha-256", Value: strings.Repeat("AB:", 31) + "AB"}

// browserLine is what a server on one port says to a browser.
func browserLine(kind string, list ...string) Line {
	return Line{
		Kind: kind, Addr: here, Port: 40000, Mux: true, Codecs: codecs(list...), Fingerprint: ourPrint,
		ICE: sdp.ICE{Ufrag: "srvU", Pwd: "srvPasswordsrvPassword22", Lite: true},
	}
}

// The same server answers a gateway of 2002 and a browser of 2026, each with
// what it can take.
func TestGoldenAnswers(t *testing.T) {
	video := browserLine("video")
	video.Codecs = []sdp.Codec{{Name: "VP8", ClockRate: 90000, PayloadType: 120, Feedback: []string{"nack pli"}}, {Name: "rtx", ClockRate: 90000, PayloadType: 121, Fmtp: "apt=120"}}
	data := browserLine("application")
	data.Proto, data.Formats, data.Extra = "UDP/DTLS/SCTP", []string{"webrtc-datachannel"}, []sdp.Attribute{{Name: "sctp-port", Value: "5000"}}
	for _, c := range []struct {
		offer, golden string
		lines         []Line
	}{
		{"ios2002-offer.sdp", "ios2002-answer.sdp", []Line{audio("opus", "PCMA", "PCMU", "telephone-event")}},
		{"chromium-offer.sdp", "chromium-answer-audio.sdp", []Line{browserLine("audio", "opus", "PCMA", "telephone-event", "CN")}},
		{"chromium-offer.sdp", "chromium-answer-all.sdp", []Line{browserLine("audio", "opus", "red"), video, data}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			a := newAgent(here, "1500000000")
			d, _ := answer(t, a, file(t, c.offer), c.lines...)
			golden(t, c.golden, written(d))
		})
	}
}

func TestGoldenOffers(t *testing.T) {
	plain := audio("opus", "PCMA", "PCMU", "G729", "telephone-event")
	plain.MaxPtime = 60
	secure := keyed(plain)
	browser := browserLine("audio", "opus", "PCMA", "telephone-event")
	browser.MID = "0"
	browser.Codecs = append(browser.Codecs, sdp.Codec{Name: "telephone-event", ClockRate: 48000})
	fax := Line{Kind: "image", Proto: "udptl", Addr: here, Port: 40004, Formats: []string{"t38"}, Extra: []sdp.Attribute{{Name: "T38FaxVersion", Value: "0"}, {Name: "T38FaxUdpEC", Value: "t38UDPRedundancy"}}}
	for _, c := range []struct {
		golden string
		line   Line
	}{
		{"offer-plain.sdp", plain}, {"offer-sdes.sdp", secure}, {"offer-browser.sdp", browser}, {"offer-fax.sdp", fax},
	} {
		golden(t, c.golden, written(offer(t, newAgent(here, "1500000000"), c.line)))
	}
}

func TestBrowserAnswer(t *testing.T) {
	a := NewAgent(here)
	d, g := answer(t, a, file(t, "chromium-offer.sdp"), browserLine("audio", "opus", "PCMA", "telephone-event"))
	o := g[0]
	if !o.Enabled || !o.Mux || !o.CanSend || !o.CanReceive || o.Remote.IsValid() || o.Setup != "passive" ||
		o.ICE.Ufrag != "q7Xb" || !strings.HasPrefix(o.Fingerprint.Value, "6B:8B") || o.Crypto != (Pair{}) {
		t.Errorf("audio: %+v", o)
	}
	if got := numbersOf(o); got != "opus:111/111 PCMA:8/8 telephone-event:126/126" {
		t.Errorf("codecs %s", got)
	}
	if g[1].Enabled || g[2].Enabled {
		t.Error("video or data is on")
	}
	got := written(d)
	wantLines(t, got, "a=group:BUNDLE 0", "a=ice-lite", "a=rtcp-mux", "a=mid:1", "a=mid:2", "a=setup:passive",
		"m=application 0 UDP/DTLS/SCTP webrtc-datachannel")
	wantNoLine(t, got, "a=rtcp:", "a=crypto")
	// The browser offers again (ICE restart, say): the role stays, whatever it is.
	line := browserLine("audio", "opus")
	line.Setup = "active"
	b := NewAgent(here)
	_, g = answer(t, b, file(t, "chromium-offer.sdp"), line)
	line.Setup = ""
	_, again := answer(t, b, file(t, "chromium-offer.sdp"), line)
	if g[0].Setup != "active" || again[0].Setup != "active" {
		t.Errorf("roles %s, then %s", g[0].Setup, again[0].Setup)
	}
}

// Video relayed to another browser: our numbers there are others, and what
// refers to numbers follows.
func TestVideoPassesWithItsReferences(t *testing.T) {
	from := parsed(t, file(t, "chromium-offer.sdp"))
	to := NewAgent(here)
	line := browserLine("video")
	line.Codecs = from.Media[1].Codecs
	line.Extra = from.Media[1].Attributes
	sound := browserLine("audio", "opus=96", "telephone-event=97")
	d := offer(t, to, sound, line)
	v := d.Media[1]
	vp8, rtx := v.Codecs[0], v.Codecs[1]
	if vp8.PayloadType == 96 || rtx.Fmtp != "apt="+v.Formats[0] {
		t.Errorf("VP8 has %d, rtx %q; 96 means opus already", vp8.PayloadType, rtx.Fmtp)
	}
	wantLines(t, mline(d, 1), "a=rtcp-fb:"+v.Formats[0]+" nack pli", "a=extmap:13 urn:3gpp:video-orientation", "a=ssrc-group:FID 2231627014 632943048")
	wantNoLine(t, mline(d, 1), "a=fmtp:97 apt=96", "a=ice-options")
	seen := map[string]bool{}
	for _, m := range d.Media {
		for _, f := range m.Formats {
			if seen[f] {
				t.Errorf("number %s on two m-lines of one group", f)
			}
			seen[f] = true
		}
	}
	// It takes H264 constrained baseline written another way, by numbers of its own.
	g := takeAnswer(t, to, text("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0",
		"m=video 9 UDP/TLS/RTP/SAVPF 50 51", "c=IN IP4 0.0.0.0", "a=rtpmap:50 H264/90000", "a=fmtp:50 profile-level-id=42c01f;packetization-mode=1",
		"a=rtpmap:51 rtx/90000", "a=fmtp:51 apt=50", "a=rtcp-mux", "a=ice-ufrag:x", "a=ice-pwd:y", "a=setup:active", "a=fingerprint:sha-256 AA:BB"))
	if len(g[1].Codecs) != 2 || g[1].Codecs[0].Send != 50 || g[1].Codecs[1].Send != 51 {
		t.Fatalf("got %s %s", numbersOf(g[1]), g[1].Refusal)
	}
	if c := codec(&v, g[1].Codecs[0].Receive); c == nil || !strings.Contains(c.Fmtp, "42e01f") {
		t.Errorf("paired with %+v", c)
	}
	if c := codec(&v, g[1].Codecs[1].Receive); c == nil || c.Fmtp != "apt="+sprintNumber(g[1].Codecs[0].Receive) {
		t.Errorf("rtx paired with %+v", c)
	}
}

// A video line that lives only in the group has port 0 in the offer and is no
// refused one.
func TestBundleOnly(t *testing.T) {
	s := strings.Replace(file(t, "chromium-offer.sdp"), "m=video 9 UDP", "m=video 0 UDP", 1)
	s = strings.Replace(s, "a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n", 1)
	video := browserLine("video", "VP8")
	d, g := answer(t, NewAgent(here), s, browserLine("audio", "opus"), video)
	if !g[1].Enabled || g[1].ICE.Ufrag != "q7Xb" || d.Media[1].Port != 40000 {
		t.Errorf("video: %+v", g[1])
	}
	wantLines(t, written(d), "a=group:BUNDLE 0 1")
	wantNoLine(t, mline(d, 1), "a=candidate", "a=bundle-only")
	// On another port of ours it cannot be reached.
	video.Port = 40010
	_, g = answer(t, NewAgent(here), s, browserLine("audio", "opus"), video)
	if g[1].Enabled || g[1].Refusal == "" {
		t.Errorf("video on a port of its own: %+v", g[1])
	}
}

// Lines with ports of their own stay outside the group.
func TestUnbundledAnswer(t *testing.T) {
	video := browserLine("video", "VP8")
	video.Port = 40010
	d, g := answer(t, NewAgent(here), file(t, "chromium-offer.sdp"), browserLine("audio", "opus"), video)
	wantLines(t, written(d), "a=group:BUNDLE 0", "m=video 40010 UDP/TLS/RTP/SAVPF 96")
	if !g[1].Enabled {
		t.Errorf("video: %s", g[1].Refusal)
	}
}

// A browser answers our offer with candidates and its role.
func TestBrowserTakesOurOffer(t *testing.T) {
	a := NewAgent(here)
	line := browserLine("audio", "opus", "PCMA", "telephone-event")
	line.MID = "0"
	d := offer(t, a, line)
	wantLines(t, written(d), "a=group:BUNDLE 0", "a=setup:actpass", "a=ice-lite", "m=audio 40000 UDP/TLS/RTP/SAVPF 96 8 101",
		"a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host")
	const back = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 51000 UDP/TLS/RTP/SAVPF 96 101\r\nc=IN IP4 10.0.0.9\r\n" +
		"a=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2122260223 10.0.0.9 51000 typ host\r\na=ice-ufrag:bb\r\na=ice-pwd:pp\r\n" +
		"a=fingerprint:sha-256 AA:BB\r\na=setup:active\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
	g := takeAnswer(t, a, back)[0]
	if g.Setup != "passive" || !g.Mux || g.RemoteRTCP != g.Remote || g.Remote.String() != "10.0.0.9:51000" || len(g.ICE.Candidates) != 1 {
		t.Errorf("agreed: %+v", g)
	}
	for answered, ours := range map[string]string{"passive": "active", "actpass": "passive", "active": "passive"} {
		if g := takeAnswer(t, a, strings.Replace(back, "setup:active", "setup:"+answered, 1))[0]; g.Setup != ours {
			t.Errorf("they are %s, we %s", answered, g.Setup)
		}
	}
}

// The tags of a browser's m-lines stay in what it is offered later, whatever the other
// side of the call names its own by: a browser refuses an offer whose tags have changed
// (RFC 9429 §5.2.2).
func TestTagsStay(t *testing.T) {
	a := NewAgent(here)
	answer(t, a, file(t, "chromium-offer.sdp"), browserLine("audio", "opus", "PCMA", "telephone-event"))
	line := browserLine("audio", "PCMA")
	line.MID = "audio0"
	again := written(offer(t, a, line))
	wantLines(t, again, "a=group:BUNDLE 0", "a=mid:0")
	wantNoLine(t, again, "a=mid:audio0")
	// One that was left out and comes again has its tag, and a new one takes nobody's.
	b := NewAgent(here)
	answer(t, b, file(t, "chromium-offer.sdp"), browserLine("audio", "opus"))
	first, second := browserLine("audio", "opus"), browserLine("audio", "PCMA")
	first.MID, second.MID = "x", "0"
	wantLines(t, written(offer(t, b, first, second)), "a=mid:0", "a=mid:1")
}
