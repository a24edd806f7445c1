package exchange

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tandem/media/sdp"
)

// vendorOffer is what a real device writes and what must come of it. The texts
// are written anew from what was seen of the devices; addresses are ours.
type vendorOffer struct {
	name    string
	offer   string
	lines   []Line
	numbers string   // agreed on the first m-line
	has     []string // lines of the answer
	hasNot  []string // beginnings of lines that the answer has not
	ptime   int
	check   func(t *testing.T, g []Agreed)
}

func TestVendorOffers(t *testing.T) {
	gateway := audio("PCMA", "PCMU", "telephone-event")
	for _, c := range slices.Concat(ciscoGateways(gateway), otherGateways(gateway), phones(gateway)) {
		t.Run(c.name, func(t *testing.T) {
			d, g := answer(t, NewAgent(here), c.offer, c.lines...)
			if got := numbersOf(g[0]); got != c.numbers {
				t.Errorf("agreed %q, want %q", got, c.numbers)
			}
			if g[0].Ptime != c.ptime || !g[0].Enabled || !g[0].CanSend || !g[0].CanReceive {
				t.Errorf("agreed: %+v", g[0])
			}
			if len(d.Media) != len(parsed(t, c.offer).Media) {
				t.Errorf("%d m-lines in the answer", len(d.Media))
			}
			wantLines(t, written(d), c.has...)
			wantNoLine(t, written(d), c.hasNot...)
			if c.check != nil {
				c.check(t, g)
			}
		})
	}
}

// IOS gateways from 2002 on.
func ciscoGateways(gateway Line) []vendorOffer {
	return []vendorOffer{
		{
			name: "gw-cisco-sdp",
			offer: text("v=0", "o=CiscoSystemsSIP-GW-UserAgent 6603 1568 IN IP4 10.0.0.9", "s=SIP Call", "c=IN IP4 10.0.0.1", "t=0 0",
				"m=audio 17978 RTP/AVP 18 0 19", "c=IN IP4 10.0.0.9", "a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no",
				"a=rtpmap:19 CN/8000", "a=ptime:20"),
			lines: []Line{gateway}, numbers: "PCMU:0/0", has: []string{"m=audio 40000 RTP/AVP 0", "a=ptime:20"},
			hasNot: []string{"a=rtpmap:19", "a=sendrecv", "a=rtcp", "a=mid"}, ptime: 20,
			check: func(t *testing.T, g []Agreed) {
				if g[0].Remote.String() != "10.0.0.9:17978" || g[0].RemoteRTCP.String() != "10.0.0.9:17979" {
					t.Errorf("the c= of the m-line counts: %v %v", g[0].Remote, g[0].RemoteRTCP)
				}
			},
		},
		{
			name:  "gw-cisco-sdp-g729",
			offer: call("m=audio 17978 RTP/AVP 18 19", "a=rtpmap:19 CN/8000", "a=fmtp:18 annexb=no", "a=ptime:20"),
			lines: []Line{audio("G729", "CN")}, numbers: "G729:18/18 CN:19/19", has: []string{"a=fmtp:18 annexb=no", "a=rtpmap:19 CN/8000"}, ptime: 20,
		},
		{
			name:  "gw-cisco-sdp-noptime",
			offer: call("m=audio 17978 RTP/AVP 0 13"),
			lines: []Line{gateway}, numbers: "PCMU:0/0", hasNot: []string{"a=ptime", "a=rtpmap:13"}, ptime: 20,
		},
		{
			name: "gw-cisco-sdp-multicodec",
			offer: call("m=audio 16434 RTP/AVP 8 0 4 18 3 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:4 G723/8000",
				"a=fmtp:4 bitrate=6.3;annexa=no", "a=rtpmap:18 G729/8000", "a=rtpmap:3 GSM/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:101/101",
			has: []string{"m=audio 40000 RTP/AVP 8 0 101", "a=fmtp:101 0-15"}, hasNot: []string{"a=fmtp:4"}, ptime: 20,
		},
		{
			name:  "gw-cisco-sdp-no-te",
			offer: call("m=audio 17978 RTP/AVP 8 4 18 0"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0", hasNot: []string{"a=rtpmap:101", "a=fmtp"}, ptime: 20,
		},
		{
			name:  "gw-cisco-sdp-empty-video",
			offer: call("m=audio 17978 RTP/AVP 0", "m=video 36924 RTP/AVP"),
			lines: []Line{gateway}, numbers: "PCMU:0/0", has: []string{"m=video 0 RTP/AVP 0"}, ptime: 20,
			check: func(t *testing.T, g []Agreed) {
				if len(g) != 2 || g[1].Enabled || g[1].Refusal == "" {
					t.Errorf("video: %+v", g[1])
				}
			},
		},
		{
			name:  "gw-cisco-te-payload",
			offer: call("m=audio 17978 RTP/AVP 0 98", "a=rtpmap:98 telephone-event/8000", "a=fmtp:98 0-16"),
			lines: []Line{audio("PCMU", "telephone-event=101")}, numbers: "PCMU:0/0 telephone-event:98/98", has: []string{"a=rtpmap:98 telephone-event/8000"}, ptime: 20,
		},
		{
			name:  "gw-cisco-g729-name",
			offer: call("m=audio 17978 RTP/AVP 97 98", "a=rtpmap:97 G.729/8000", "a=rtpmap:98 G729a/8000"),
			lines: []Line{audio("G729")}, numbers: "G729:97/97", has: []string{"a=rtpmap:97 G.729/8000"}, ptime: 20,
		},
		{
			name:  "gw-cisco-nat",
			offer: call("a=direction:active", "m=audio 17978 RTP/AVP 0", "a=direction:active"),
			lines: []Line{gateway}, numbers: "PCMU:0/0", hasNot: []string{"a=direction", "a=setup"}, ptime: 20,
		},
		{
			name:  "gw-cisco-dtmf-rtp121",
			offer: call("m=audio 17978 RTP/AVP 0 121", "a=rtpmap:121 cisco-rtp-dtmf/8000"),
			lines: []Line{gateway}, numbers: "PCMU:0/0", hasNot: []string{"a=rtpmap:121"}, ptime: 20,
		},
	}
}

// Nuera, VegaStream, 3Com, AudioCodes and Patton gateways, and a carrier.
func otherGateways(gateway Line) []vendorOffer {
	return []vendorOffer{
		{
			name:  "gw-nuera-ecelp-offer",
			offer: call("m=audio 8000 RTP/AVP 96 0 8", "a=rtpmap:96 vnd.nuera.ecelp7470/8000"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0", hasNot: []string{"a=rtpmap:96"}, ptime: 20,
		},
		{
			name:  "gw-nuera-ecelp-offer, relayed as it is",
			offer: call("m=audio 8000 RTP/AVP 96 0", "a=rtpmap:96 vnd.nuera.ecelp7470/8000"),
			lines: []Line{audio("vnd.nuera.ecelp7470=96")}, numbers: "vnd.nuera.ecelp7470:96/96", has: []string{"a=rtpmap:96 vnd.nuera.ecelp7470/8000"}, ptime: 20,
		},
		{
			name:  "gw-vega-te96, gw-3com-te-96",
			offer: call("m=audio 10000 RTP/AVP 8 0 96", "a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-15,16"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:96/96", has: []string{"a=fmtp:96 0-15"}, ptime: 20,
		},
		{
			name: "gw-audiocodes-shape",
			offer: text("v=0", "o=AudiocodesGW 619440176 619439848 IN IP4 10.0.0.9", "s=Phone-Call", "c=IN IP4 10.0.0.9", "t=0 0",
				"m=audio 6000 RTP/AVP 8 96", "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv", "a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-15"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 telephone-event:96/96", has: []string{"a=sendrecv"}, ptime: 20,
		},
		{
			name: "trunk-twilio-sdp",
			offer: text("v=0", "o=root 1024 1024 IN IP4 10.0.0.9", "s=Twilio Media Gateway", "c=IN IP4 10.0.0.9", "t=0 0",
				"m=audio 15000 RTP/SAVP 0 8 101", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
				"a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20", "a=maxptime:20", "a=sendrecv"),
			lines: []Line{keyed(gateway)}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:101/101",
			has: []string{"m=audio 40000 RTP/SAVP 8 0 101", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:OURS80"}, ptime: 20,
			check: func(t *testing.T, g []Agreed) {
				if g[0].Crypto.Theirs.Key != "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj" || g[0].Crypto.Ours.Tag != 1 {
					t.Errorf("crypto: %v", g[0].Crypto)
				}
			},
		},
		{
			name: "gw-patton-sdp",
			offer: strings.TrimSuffix(text("v=0", "o=MxSIP 0 56 IN IP4 10.0.0.9", "s=SIP Call", "c=IN IP4 10.0.0.9", "t=0 0",
				"m=audio 4942 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", "m=video 0 RTP/AVP 31 34 103 99"), "\r\n"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 telephone-event:101/101", has: []string{"m=video 0 RTP/AVP 31 34 103 99"}, ptime: 20,
		},
	}
}

// Telephones.
func phones(gateway Line) []vendorOffer {
	return []vendorOffer{
		{
			name: "ph-7960-sdp-te",
			offer: text("v=0", "o=Cisco-SIPUA 21297 9644 IN IP4 10.0.0.9", "s=SIP Call", "t=0 0",
				"m=audio 28290 RTP/AVP 0 8 18 101", "c=IN IP4 10.0.0.9", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
				"a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=sendrecv"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:101/101", ptime: 20,
		},
		{
			name: "ph-poly-sdp",
			offer: text("v=0", "o=- 1325089011 1325089011 IN IP4 10.0.0.9", "s=Polycom IP Phone", "c=IN IP4 10.0.0.9", "t=0 0", "a=sendrecv",
				"m=audio 2226 RTP/AVP 9 0 8 18 127", "a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
				"a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no", "a=rtpmap:127 telephone-event/8000"),
			lines: []Line{audio("G722", "PCMU", "telephone-event")}, numbers: "G722:9/9 PCMU:0/0 telephone-event:127/127",
			has: []string{"a=fmtp:127 0-15", "a=sendrecv"}, ptime: 20,
		},
		{
			name: "ph-optipoint-sdp-m5t",
			offer: text("v=0", "o=MxSIP 0 1 IN IP4 10.0.0.9", "s=SIP Call", "c=IN IP4 10.0.0.9", "t=0 0",
				"m=audio 5004 RTP/AVP 96 0 101", "a=silenceSupp:off - - - -", "a=fmtp:101 0-11", "a=rtpmap:96 PCMU/16000",
				"a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=ptime:30"),
			lines: []Line{gateway}, numbers: "PCMU:0/0 telephone-event:101/101", has: []string{"a=fmtp:101 0-11"}, hasNot: []string{"a=silenceSupp", "a=rtpmap:96"}, ptime: 30,
		},
		{
			name: "ph-yealink-sdp",
			offer: text("v=0", "o=- 20001 20001 IN IP4 10.0.0.9", "s=SDP data", "c=IN IP4 10.0.0.9", "t=0 0",
				"m=audio 11780 RTP/AVP 0 8 101", "a=fmtp:101 0-15", "a=rtpmap:101 telephone-event/8000", "a=ptime:20", "a=sendrecv"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:101/101", ptime: 20,
		},
		{
			name: "ph-gs-sdp-order",
			offer: text("v=0", "o=100 8000 8000 IN IP4 10.0.0.9", "s= ", "t=0 0", "c=IN IP4 10.0.0.9",
				"m=audio 5004 RTP/AVP 0 8 101", "a=sendrecv", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:101/101", ptime: 20,
		},
		{
			name:  "ph-gs-g726",
			offer: call("m=audio 5004 RTP/AVP 2 99 8", "a=rtpmap:2 G726-32/8000", "a=rtpmap:99 AAL2-G726-32/8000"),
			lines: []Line{audio("G726-32", "PCMA")}, numbers: "G726-32:2/2 PCMA:8/8", hasNot: []string{"a=rtpmap:99"}, ptime: 20,
		},
		{
			name: "ph-snom-optional-srtp, we have no keys",
			offer: call("m=audio 5004 RTP/AVP 8 0 101", "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
				"a=rtpmap:101 telephone-event/8000"),
			lines: []Line{gateway}, numbers: "PCMA:8/8 PCMU:0/0 telephone-event:101/101", has: []string{"m=audio 40000 RTP/AVP 8 0 101"}, hasNot: []string{"a=crypto"}, ptime: 20,
		},
		{
			name: "ph-snom-optional-srtp, both agree",
			offer: call("m=audio 5004 RTP/AVP 8 0", "a=crypto:1 F8_128_HMAC_SHA1_80 inline:WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ",
				"a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"),
			lines: []Line{keyed(gateway)}, numbers: "PCMA:8/8 PCMU:0/0", has: []string{"m=audio 40000 RTP/AVP 8 0", "a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:OURS32"}, ptime: 20,
		},
	}
}

// keyed is the line with SDES keys of its own.
func keyed(l Line) Line {
	l.Crypto = []sdp.Crypto{{Suite: "AES_CM_128_HMAC_SHA1_80", Key: "inline:OURS80"}, {Suite: "AES_CM_128_HMAC_SHA1_32", Key: "inline:OURS32"}}
	return l
}

// What devices answer to an offer of ours with PCMA 8, PCMU 0, G729 18 and
// telephone-event 101.
func TestVendorAnswers(t *testing.T) {
	for _, c := range []struct {
		name, answer, numbers string
		ptime                 int
	}{
		{"ph-7960-sdp", text("v=0", "o=Cisco-SIPUA 21297 9644 IN IP4 10.0.0.9", "s=SIP Call", "c=IN IP4 10.0.0.9", "t=0 0",
			"m=audio 28290 RTP/AVP 18", "a=rtpmap:18 G729/8000"), "G729:18/18", 20},
		{"ph-7960-options-null", text("v=0", "o=Cisco-SIPUA (null) (null) IN IP4 10.0.0.9", "s=SIP Call", "c=IN IP4 10.0.0.9", "t=0 0", "",
			"m=audio 1 RTP/AVP 18 0 8"), "G729:18/18 PCMU:0/0 PCMA:8/8", 20},
		{"gw-patton-sdp", strings.TrimSuffix(text("v=0", "o=MxSIP 0 56 IN IP4 10.0.0.9", "s=SIP Call", "c=IN IP4 10.0.0.9", "t=0 0",
			"m=audio 4942 RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:30",
			"m=video 0 RTP/AVP 31 34 103 99"), "\r\n"), "PCMA:8/8 telephone-event:101/101", 30},
		{"gw-cisco-sdp-noptime", call("m=audio 19000 RTP/AVP 0"), "PCMU:0/0", 20},
		{"events without rtpmap", call("m=audio 19000 RTP/AVP 0 101"), "PCMU:0/0 telephone-event:101/101", 20},
		{"events by a number of their own", call("m=audio 19000 RTP/AVP 0 97", "a=rtpmap:97 telephone-event/8000"), "PCMU:0/0 telephone-event:97/101", 20},
		{"a codec not offered beside one that was", call("m=audio 19000 RTP/AVP 3 0"), "PCMU:0/0", 20},
		{"trunk-twilio-sdp, maxptime", call("m=audio 19000 RTP/AVP 0", "a=ptime:30", "a=maxptime:20"), "PCMU:0/0", 20},
		{"events first", call("m=audio 19000 RTP/AVP 101 0", "a=rtpmap:101 telephone-event/8000"), "PCMU:0/0 telephone-event:101/101", 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := NewAgent(here)
			offer(t, a, audio("PCMA", "PCMU", "G729", "telephone-event"))
			g := takeAnswer(t, a, c.answer)
			if got := numbersOf(g[0]); got != c.numbers || g[0].Ptime != c.ptime || len(g) != 1 {
				t.Errorf("got %q ptime %d, want %q ptime %d", got, g[0].Ptime, c.numbers, c.ptime)
			}
		})
	}
}

// gw-nuera-ecelp-only: nothing in common is 488 with the reason and a warning.
func TestNothingInCommon(t *testing.T) {
	a := NewAgent(here)
	if err := a.TakeOffer(parsed(t, call("m=audio 8000 RTP/AVP 96", "a=rtpmap:96 vnd.nuera.ecelp7470/8000", "m=video 0 RTP/AVP 31"))); err != nil {
		t.Fatal(err)
	}
	_, _, err := a.Answer([]Line{audio("PCMU", "telephone-event")})
	var e *sdp.Error
	if !errors.As(err, &e) || e.Status != 488 || e.Warning != 305 || e.Line != 6 ||
		!strings.Contains(e.Reason, "vnd.nuera.ecelp7470") || !strings.Contains(e.Reason, "PCMU") {
		t.Fatalf("got %v", err)
	}
	a.Rollback()
	if a.Remote() != nil || a.Local() != nil {
		t.Error("the refused offer is still there")
	}
	// Nothing to offer on either: the same for who would relay it.
	if _, err := a.Offer([]Line{{Addr: here, Port: 40000, Codecs: []sdp.Codec{{PayloadType: 77}}}}); !errors.As(err, &e) || e.Status != 488 || e.Warning != 305 {
		t.Errorf("offering a format without a name: %v", err)
	}
	offer(t, a, audio("PCMU"))
}

// Rule 9: every form of hold, from every kind of device, and the way back.
func TestVendorHolds(t *testing.T) {
	const media = "m=audio 4000 RTP/AVP 0 101"
	normal := text("v=0", "o=phone 7 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0", media, "a=rtpmap:101 telephone-event/8000")
	for _, c := range []struct {
		name       string
		hold       string
		answer     string // direction line expected
		receive    bool   // they may send to us
		hasAddress bool
	}{
		{"ph-7960-hold-c0000, gw-nuera-r2543-hold, ph-3com-hold-c0, gw-vega-hold-both, gw-cisco-hold conn-addr",
			strings.ReplaceAll(normal, "c=IN IP4 10.0.0.9", "c=IN IP4 0.0.0.0"), "a=recvonly", true, false},
		{"ph-poly-hold-c0-sendrecv with an unchanged o=",
			text("v=0", "o=phone 7 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", "a=sendrecv", media, "a=rtpmap:101 telephone-event/8000", "a=sendrecv"), "a=recvonly", true, false},
		{"null address at the m-line",
			strings.Replace(normal, media, media+"\r\nc=IN IP4 0.0.0.0", 1), "a=recvonly", true, false},
		{"null address and recvonly",
			strings.Replace(normal, media, media+"\r\nc=IN IP4 0.0.0.0\r\na=recvonly", 1), "a=inactive", false, false},
		{"ph-7960-hold-sendonly, gw-cisco-hold direction-attr, gw-vega-hold-both",
			strings.Replace(normal, "7 1", "7 2", 1) + "a=sendonly\r\n", "a=recvonly", true, true},
		{"ph-poly-hold-session-sendonly",
			strings.Replace(normal, "t=0 0", "t=0 0\r\na=sendonly", 1), "a=recvonly", true, true},
		{"inactive", normal + "a=inactive\r\n", "a=inactive", false, true},
		{"session inactive", strings.Replace(normal, "t=0 0", "t=0 0\r\na=inactive", 1), "a=inactive", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := NewAgent(here)
			line := audio("PCMU", "telephone-event")
			first, g := answer(t, a, normal, line)
			if !g[0].CanSend || !g[0].CanReceive {
				t.Fatalf("before: %+v", g[0])
			}
			held, g := answer(t, a, c.hold, line)
			wantLines(t, mline(held, 0), c.answer)
			wantLines(t, written(held), "c=IN IP4 192.0.2.1")
			if !a.Remote().Media[0].Hold() || g[0].CanSend || g[0].CanReceive != c.receive || g[0].Remote.IsValid() != c.hasAddress || !g[0].Enabled {
				t.Errorf("on hold: %+v", g[0])
			}
			resumed, g := answer(t, a, normal, line)
			if !g[0].CanSend || !g[0].CanReceive || g[0].Remote.String() != "10.0.0.9:4000" {
				t.Errorf("resumed: %+v", g[0])
			}
			if first.Origin.Version != "1" || held.Origin.Version != "2" || resumed.Origin.Version != "3" {
				t.Errorf("versions %s %s %s", first.Origin.Version, held.Origin.Version, resumed.Origin.Version)
			}
		})
	}
}

// gw-cisco-late-offer, and rule 8: without a description to answer we offer
// all codecs again, with the numbers they had.
func TestLateOffer(t *testing.T) {
	a := NewAgent(here)
	line := audio("opus", "G722", "PCMA", "PCMU", "telephone-event")
	first := offer(t, a, line)
	g := takeAnswer(t, a, call("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"))
	if got := numbersOf(g[0]); got != "PCMA:8/8 telephone-event:101/101" {
		t.Fatalf("agreed %s", got)
	}
	second := offer(t, a, line)
	if written(first) != written(second) {
		t.Errorf("an unchanged offer changed:\n%s\n%s", first, second)
	}
	takeAnswer(t, a, call("m=audio 4000 RTP/AVP 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000"))
}

// gw-cisco-200-sdp, gw-nuera-183-sdp: the 200 repeats what the 183 said, or a
// branch says something else.
func TestRepeatedAnswer(t *testing.T) {
	a := NewAgent(here)
	offer(t, a, audio("PCMA", "PCMU"))
	early := call("m=audio 4000 RTP/AVP 8")
	takeAnswer(t, a, early)
	takeAnswer(t, a, early)
	g := takeAnswer(t, a, call("m=audio 5000 RTP/AVP 0"))
	if g[0].Remote.Port() != 5000 || numbersOf(g[0]) != "PCMU:0/0" {
		t.Errorf("got %+v", g[0])
	}
	// ph-7960-sdp-in-update-200: SDP where nothing was offered.
	answer(t, a, early, audio("PCMA"))
	if _, err := a.TakeAnswer(parsed(t, early)); !errors.Is(err, ErrNoOffer) {
		t.Errorf("got %v", err)
	}
}

// Rule 10: events by whatever dynamic number the device has, both ways.
func TestEventNumbers(t *testing.T) {
	for _, n := range []string{"96", "97", "98", "100", "101", "103", "127"} {
		d, g := answer(t, NewAgent(here), call("m=audio 4000 RTP/AVP 0 "+n, "a=rtpmap:"+n+" telephone-event/8000"), audio("PCMU", "telephone-event"))
		if want := "PCMU:0/0 telephone-event:" + n + "/" + n; numbersOf(g[0]) != want {
			t.Errorf("agreed %s, want %s", numbersOf(g[0]), want)
		}
		wantLines(t, written(d), "a=fmtp:"+n+" 0-15")
	}
}

func TestPacketTimes(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  int
	}{
		{nil, 20}, {[]string{"a=ptime:10"}, 10}, {[]string{"a=ptime:30"}, 30}, {[]string{"a=ptime:60"}, 60}, {[]string{"a=ptime:2.5"}, 2},
		{[]string{"a=ptime:0"}, 20}, {[]string{"a=ptime:9999"}, 20}, {[]string{"a=ptime:-1"}, 20}, {[]string{"a=maxptime:20", "a=ptime:40"}, 20},
		{[]string{"a=maxptime:150"}, 20}, {[]string{"a=maxptime:10"}, 10}, {[]string{"a=maxptime:0"}, 20},
	} {
		_, g := answer(t, NewAgent(here), call(append([]string{"m=audio 4000 RTP/AVP 0"}, c.lines...)...), audio("PCMU"))
		if g[0].Ptime != c.want {
			t.Errorf("%v: %d, want %d", c.lines, g[0].Ptime, c.want)
		}
	}
}
