package exchange

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"tandem/media/sdp"
)

func TestMirroredDirections(t *testing.T) {
	for _, c := range []struct {
		offered, ours, want sdp.Direction
		send, receive       bool
	}{
		{sdp.SendRecv, sdp.SendRecv, sdp.SendRecv, true, true},
		{sdp.SendRecv, sdp.DirectionUnset, sdp.SendRecv, true, true},
		{sdp.SendOnly, sdp.SendRecv, sdp.RecvOnly, false, true},
		{sdp.RecvOnly, sdp.SendRecv, sdp.SendOnly, true, false},
		{sdp.Inactive, sdp.SendRecv, sdp.Inactive, false, false},
		{sdp.SendRecv, sdp.SendOnly, sdp.SendOnly, true, false},
		{sdp.SendRecv, sdp.RecvOnly, sdp.RecvOnly, false, true},
		{sdp.SendRecv, sdp.Inactive, sdp.Inactive, false, false},
		{sdp.SendOnly, sdp.SendOnly, sdp.Inactive, false, false},
		{sdp.RecvOnly, sdp.RecvOnly, sdp.Inactive, false, false},
		{sdp.SendOnly, sdp.RecvOnly, sdp.RecvOnly, false, true},
	} {
		line := audio("PCMU")
		line.Direction = c.ours
		d, g := answer(t, NewAgent(here), call("m=audio 4000 RTP/AVP 0", "a="+c.offered.String()), line)
		if got := d.Media[0].Direction; got != c.want || g[0].CanSend != c.send || g[0].CanReceive != c.receive {
			t.Errorf("%v offered, %v ours: answer %v send %v receive %v", c.offered, c.ours, got, g[0].CanSend, g[0].CanReceive)
		}
		wantLines(t, mline(d, 0), "a="+c.want.String())
		// The same from the other end.
		a := NewAgent(here)
		offer(t, a, line)
		g = takeAnswer(t, a, call("m=audio 4000 RTP/AVP 0", "a="+c.offered.String()))
		if g[0].CanSend != (c.ours.Sends() && c.offered.Receives()) || g[0].CanReceive != (c.ours.Receives() && c.offered.Sends()) {
			t.Errorf("%v ours, %v answered: %+v", c.ours, c.offered, g[0])
		}
	}
}

// We hold and resume: the address stays ours, the direction says it.
func TestWeHold(t *testing.T) {
	a := NewAgent(here)
	line := audio("PCMU")
	const back = "m=audio 4000 RTP/AVP 0"
	first := offer(t, a, line)
	takeAnswer(t, a, call(back))
	line.Direction = sdp.SendOnly
	held := offer(t, a, line)
	wantLines(t, written(held), "a=sendonly", "c=IN IP4 192.0.2.1")
	if g := takeAnswer(t, a, call(back, "a=recvonly")); !g[0].CanSend || g[0].CanReceive {
		t.Errorf("held: %+v", g[0])
	}
	line.Direction = sdp.SendRecv
	back2 := offer(t, a, line)
	wantLines(t, written(back2), "a=sendrecv")
	if first.Origin.ID != back2.Origin.ID || back2.Origin.Version != "3" {
		t.Errorf("o= %+v then %+v", first.Origin, back2.Origin)
	}
}

// The version rises by one when the text changes and only then; id and the
// rest of o= never change.
func TestVersion(t *testing.T) {
	a := NewAgent(here)
	line := audio("PCMA", "telephone-event")
	theirs := call("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:20", "a=sendrecv")
	d1, _ := answer(t, a, theirs, line)
	d2, _ := answer(t, a, theirs, line)
	d3 := offer(t, a, line)
	if written(d1) != written(d2) || written(d2) != written(d3) {
		t.Errorf("an unchanged session changed its text:\n%s\n%s\n%s", d1, d2, d3)
	}
	a.Rollback()
	line.Port = 41000
	d4 := offer(t, a, line)
	a.Rollback() // refused; the other side has seen version 2
	line.Port = 42000
	d5 := offer(t, a, line)
	if d4.Origin.Version != "2" || d5.Origin.Version != "3" {
		t.Errorf("versions %s %s", d4.Origin.Version, d5.Origin.Version)
	}
	if d1.Origin.ID != d5.Origin.ID || d5.Origin.Host != "192.0.2.1" {
		t.Errorf("o= %+v", d5.Origin)
	}
	// An answer without ptime, and a re-offer that says no more.
	b := NewAgent(here)
	e1, _ := answer(t, b, call("m=audio 4000 RTP/AVP 8"), audio("PCMA"))
	if e2 := offer(t, b, audio("PCMA")); written(e1) != written(e2) {
		t.Errorf("re-offer changed:\n%s\n%s", e1, e2)
	}
}

func TestGlareAndRollback(t *testing.T) {
	a := NewAgent(here)
	line := audio("PCMU")
	theirs := parsed(t, call("m=audio 4000 RTP/AVP 0"))
	if _, _, err := a.Answer([]Line{line}); !errors.Is(err, ErrNoOffer) {
		t.Errorf("answer to nothing: %v", err)
	}
	if _, err := a.TakeAnswer(theirs); !errors.Is(err, ErrNoOffer) {
		t.Errorf("answer to nothing: %v", err)
	}
	if err := a.TakeOffer(nil); !errors.Is(err, ErrNoOffer) {
		t.Errorf("nothing offered: %v", err)
	}
	offer(t, a, line)
	if _, err := a.Offer([]Line{line}); !errors.Is(err, ErrPending) {
		t.Errorf("second offer: %v", err)
	}
	if err := a.TakeOffer(theirs); !errors.Is(err, ErrPending) {
		t.Errorf("glare: %v", err)
	}
	takeAnswer(t, a, written(theirs))
	agreedLocal, agreedRemote := a.Local(), a.Remote()
	if err := a.TakeOffer(parsed(t, call("m=audio 5000 RTP/AVP 0"))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Offer([]Line{line}); !errors.Is(err, ErrPending) {
		t.Errorf("offer over theirs: %v", err)
	}
	a.Rollback()
	if a.Local() != agreedLocal || a.Remote() != agreedRemote {
		t.Error("rollback did not bring back what was agreed")
	}
	offer(t, a, line, Line{Kind: "video", Port: 40002, Addr: here, Codecs: codecs("VP8")})
	a.Rollback()
	if a.Local() != agreedLocal {
		t.Error("rollback did not bring back what we had said")
	}
	if d := offer(t, a, line); len(d.Media) != 1 {
		t.Errorf("a refused m-line stays: %d", len(d.Media))
	}
}

// The number of m-lines never shrinks in our offers, dead ones keep their
// place, and a place may be used anew.
func TestDeadAndRecycledLines(t *testing.T) {
	a := NewAgent(here)
	video := Line{Kind: "video", Addr: here, Port: 40002, Codecs: codecs("VP8=96")}
	offer(t, a, audio("PCMU"), video)
	g := takeAnswer(t, a, call("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 96"))
	if !g[0].Enabled || g[1].Enabled {
		t.Fatalf("got %+v", g)
	}
	d := offer(t, a, audio("PCMU"))
	if len(d.Media) != 2 || d.Media[1].Port != 0 || d.Media[1].Kind != "video" || len(d.Media[1].Formats) == 0 {
		t.Errorf("second offer:\n%s", d)
	}
	takeAnswer(t, a, call("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 96"))
	second := audio("opus=96")
	second.Port = 40004
	d = offer(t, a, audio("PCMU"), second)
	wantLines(t, mline(d, 1), "m=audio 40004 RTP/AVP 97") // 96 was VP8 there
	takeAnswer(t, a, call("m=audio 4000 RTP/AVP 0"))      // missing at the end: refused
	// They recycle it as well.
	d, g = answer(t, a, call("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96", "a=rtpmap:96 H264/90000"), audio("PCMU"),
		Line{Kind: "video", Addr: here, Port: 40006, Codecs: codecs("H264")})
	if !g[1].Enabled || d.Media[1].Formats[0] != "96" {
		t.Errorf("recycled: %+v", g[1])
	}
}

func TestLinesKeepTheirPlaces(t *testing.T) {
	a := NewAgent(here)
	video := Line{Kind: "video", Addr: here, Port: 40002, Codecs: codecs("H261")}
	answer(t, a, call("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 31"), audio("PCMU"), video)
	err := a.TakeOffer(parsed(t, call("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 0")))
	var e *sdp.Error
	if !errors.As(err, &e) || e.Status != 488 || e.Line != 6 {
		t.Errorf("swapped lines: %v", err)
	}
	// Fewer lines harm nobody.
	if d, g := answer(t, a, call("m=audio 4000 RTP/AVP 0"), audio("PCMU")); len(d.Media) != 1 || !g[0].Enabled {
		t.Errorf("fewer lines: %s", d)
	}
	offer(t, a, audio("PCMU"), video)
	for _, s := range []string{
		call("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 0"),
		call("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 31", "m=audio 4004 RTP/AVP 0"),
		call(),
	} {
		if _, err := a.TakeAnswer(parsed(t, s)); !errors.As(err, &e) || e.Status != 488 {
			t.Errorf("answer taken: %v\n%s", err, s)
		}
	}
}

// A fax takes the place of the audio and gives it back (T.38 Annex D);
// gw-cisco-t38-maxdatagram is answered with a size of our own, and
// gw-3com-radius-style by 488 where fax is not wanted.
func TestFax(t *testing.T) {
	a := NewAgent(here)
	answer(t, a, call("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"), audio("PCMA", "telephone-event"))
	fax := Line{Kind: "image", Proto: "udptl", Addr: here, Port: 40000, Formats: []string{"t38"}, Extra: []sdp.Attribute{{Name: "T38FaxMaxDatagram", Value: "400"}}}
	theirs := call("m=image 4000 udptl t38", "a=T38FaxVersion:0", "a=T38FaxMaxDatagram:72", "a=T38FaxRateManagement:transferredTCF")
	d, g := answer(t, a, theirs, fax)
	if !g[0].Enabled || g[0].Remote.String() != "10.0.0.9:4000" || g[0].Media.Attributes[1].Value != "72" {
		t.Errorf("fax: %+v", g[0])
	}
	if got := mline(d, 0); got != "m=image 40000 udptl t38\r\na=T38FaxMaxDatagram:400" {
		t.Errorf("answer %q", got)
	}
	// Not wanted: 488, and the audio goes on.
	b := NewAgent(here)
	answer(t, b, call("m=audio 4000 RTP/AVP 8"), audio("PCMA"))
	if err := b.TakeOffer(parsed(t, theirs)); err != nil {
		t.Fatal(err)
	}
	var e *sdp.Error
	if _, _, err := b.Answer([]Line{audio("PCMA")}); !errors.As(err, &e) || e.Status != 488 {
		t.Errorf("fax taken: %v", err)
	}
	b.Rollback()
	if d := offer(t, b, audio("PCMA")); d.Origin.Version != "1" {
		t.Errorf("version %s", d.Origin.Version)
	}
	// Back to audio with the same numbers, and our own re-INVITE to fax.
	d, _ = answer(t, a, call("m=audio 4000 RTP/AVP 8 97", "a=rtpmap:97 telephone-event/8000"), audio("PCMA", "telephone-event"))
	if d.Media[0].Formats[1] != "97" {
		t.Errorf("numbers %v", d.Media[0].Formats)
	}
	offer(t, a, fax)
	if g := takeAnswer(t, a, call("m=image 4000 UDPTL T38")); !g[0].Enabled {
		t.Errorf("fax: %+v", g[0])
	}
	offer(t, a, fax)
	if _, err := a.TakeAnswer(parsed(t, call("m=audio 4000 RTP/AVP 8"))); !errors.As(err, &e) {
		t.Errorf("audio answers fax: %v", err)
	}
}

func TestSDES(t *testing.T) {
	line := keyed(audio("PCMA"))
	a := NewAgent(here)
	d := offer(t, a, line)
	wantLines(t, written(d), "m=audio 40000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:OURS80", "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:OURS32")
	const key = " inline:THEIRSTHEIRS"
	var e *sdp.Error
	for name, c := range map[string]struct{ line, ours string }{
		"second":                {"a=crypto:2 AES_CM_128_HMAC_SHA1_32" + key, "inline:OURS32"},
		"first, after unknown":  {"a=crypto:9 NULL_AUTH" + key + "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80" + key, "inline:OURS80"},
		"a tag of its own":      {"a=crypto:1 AES_CM_128_HMAC_SHA1_32" + key, "inline:OURS32"},
		"window size":           {"a=crypto:1 AES_CM_128_HMAC_SHA1_80" + key + " WSH=128 -WHATEVER", "inline:OURS80"},
		"lower case":            {"a=crypto:1 aes_cm_128_hmac_sha1_80" + key, "inline:OURS80"},
		"none is a downgrade":   {"a=sendrecv", ""},
		"a suite not offered":   {"a=crypto:1 AEAD_AES_256_GCM" + key, ""},
		"an unencrypted stream": {"a=crypto:1 AES_CM_128_HMAC_SHA1_80" + key + " UNENCRYPTED_SRTP", ""},
		"a key by reference":    {"a=crypto:1 AES_CM_128_HMAC_SHA1_80 uri:https://x", ""},
	} {
		g, err := a.TakeAnswer(parsed(t, call("m=audio 4000 RTP/SAVP 8", c.line)))
		switch {
		case c.ours == "":
			if !errors.As(err, &e) || e.Status != 488 {
				t.Errorf("%s: taken: %v", name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case g[0].Crypto.Ours.Key != c.ours || g[0].Crypto.Theirs.Key != strings.TrimSpace(key):
			t.Errorf("%s: got %v", name, g[0].Crypto)
		}
	}
	if _, err := a.TakeAnswer(parsed(t, call("m=audio 4000 RTP/AVP 8"))); !errors.As(err, &e) || e.Status != 488 {
		t.Errorf("downgraded to RTP/AVP: %v", err)
	}
	for name, c := range map[string]struct {
		offer string
		line  Line
	}{
		"SAVP and no keys of ours":   {call("m=audio 4000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80"+key), audio("PCMA")},
		"SAVP without keys":          {call("m=audio 4000 RTP/SAVP 8"), line},
		"DTLS wanted, none here":     {call("m=audio 4000 UDP/TLS/RTP/SAVPF 8", "a=fingerprint:sha-256 AA:BB"), line},
		"plain, and we want secure":  {call("m=audio 4000 RTP/AVP 8"), Line{Proto: "RTP/SAVP", Addr: here, Port: 1, Codecs: codecs("PCMA"), Crypto: line.Crypto}},
		"plain, and we want browser": {call("m=audio 4000 RTP/AVP 8"), Line{Proto: "UDP/TLS/RTP/SAVPF", Addr: here, Port: 1, Codecs: codecs("PCMA"), Fingerprint: ourPrint}},
	} {
		a := NewAgent(here)
		if err := a.TakeOffer(parsed(t, c.offer)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Answer([]Line{c.line}); !errors.As(err, &e) || e.Status != 488 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Offered in the clear with keys beside, as phones do that would like SRTP.
func TestOptionalSRTP(t *testing.T) {
	line := keyed(audio("PCMA"))
	line.Proto = "RTP/AVP"
	for _, c := range []struct {
		answer string
		secure bool
	}{
		{call("m=audio 4000 RTP/AVP 8"), false},
		{call("m=audio 4000 RTP/AVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:THEIRSTHEIRS"), true},
		{call("m=audio 4000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:THEIRSTHEIRS"), true},
	} {
		a := NewAgent(here)
		offer(t, a, line)
		if g := takeAnswer(t, a, c.answer); (g[0].Crypto != Pair{}) != c.secure {
			t.Errorf("got %v for\n%s", g[0].Crypto, c.answer)
		}
	}
}

func TestRTCP(t *testing.T) {
	const offered = "m=audio 4000 RTP/AVP 0"
	line := audio("PCMU")
	line.Mux = true
	for _, c := range []struct {
		name    string
		offer   []string
		line    func(*Line)
		rtcp    string
		mux     bool
		has, no string
	}{
		{"mux on both", []string{"a=rtcp-mux"}, func(*Line) {}, "10.0.0.9:4000", true, "a=rtcp-mux", "a=rtcp:"},
		{"mux offered, not ours", []string{"a=rtcp-mux"}, func(l *Line) { l.Mux = false }, "10.0.0.9:4001", false, "", "a=rtcp"},
		{"mux offered with rtcp, not ours", []string{"a=rtcp-mux", "a=rtcp:4009"}, func(l *Line) { l.Mux = false }, "10.0.0.9:4009", false, "", "a=rtcp"},
		{"mux ours alone", nil, func(*Line) {}, "10.0.0.9:4001", false, "", "a=rtcp"},
		{"odd port of ours", nil, func(l *Line) { l.RTCPPort = 40009 }, "10.0.0.9:4001", false, "a=rtcp:40009", "a=rtcp-mux"},
		{"port and address of theirs", []string{"a=rtcp:5555 IN IP4 10.0.0.8"}, func(*Line) {}, "10.0.0.8:5555", false, "", "a=rtcp"},
	} {
		l := line
		c.line(&l)
		d, g := answer(t, NewAgent(here), call(append([]string{offered}, c.offer...)...), l)
		if g[0].RemoteRTCP.String() != c.rtcp || g[0].Mux != c.mux || d.Media[0].Mux != c.mux {
			t.Errorf("%s: %v mux %v", c.name, g[0].RemoteRTCP, g[0].Mux)
		}
		if c.has != "" {
			wantLines(t, written(d), c.has)
		}
		wantNoLine(t, written(d), c.no)
	}
}

func TestAddresses(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::1")
	line := audio("PCMU")
	line.Addr = six
	d, g := answer(t, NewAgent(six), call("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::9"), line)
	wantLines(t, written(d), "c=IN IP6 2001:db8::1")
	if g[0].Remote.String() != "[2001:db8::9]:4000" || !strings.Contains(written(d), " IN IP6 2001:db8::1\r\ns=-") {
		t.Errorf("got %v\n%s", g[0].Remote, d)
	}
	_, g = answer(t, NewAgent(here), call("m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com"), audio("PCMU"))
	if g[0].Remote.IsValid() || g[0].RemoteHost != "media.example.com" {
		t.Errorf("host name: %+v", g[0])
	}
	// Lines on two addresses.
	second := Line{Kind: "video", Addr: netip.MustParseAddr("192.0.2.2"), Port: 40002, Codecs: codecs("H261")}
	d = offer(t, NewAgent(here), audio("PCMU"), second)
	wantLines(t, written(d), "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2")
	wantNoLine(t, mline(d, 0), "c=")
}

// PINT and others give the time; the answer repeats it (RFC 3264 §6).
func TestTimeIsRepeated(t *testing.T) {
	d, _ := answer(t, NewAgent(here), strings.Replace(call("m=audio 4000 RTP/AVP 0"), "t=0 0", "t=3034423619 3042462419", 1), audio("PCMU"))
	wantLines(t, written(d), "t=3034423619 3042462419")
}

// RFC 3725 flow IV begins with an offer of nothing.
func TestOfferOfNothing(t *testing.T) {
	a := NewAgent(here)
	d, g := answer(t, a, call())
	if len(d.Media) != 0 || len(g) != 0 {
		t.Errorf("got %s", d)
	}
	offer(t, a, audio("PCMU"))
	takeAnswer(t, a, call("m=audio 4000 RTP/AVP 0"))
	// All switched off by the offerer is no error either.
	if d, g := answer(t, a, call("m=audio 0 RTP/AVP 0"), audio("PCMU")); g[0].Enabled || d.Media[0].Port != 0 {
		t.Errorf("got %+v", g[0])
	}
}

func TestAnswerTakesAllWhenWeNameNothing(t *testing.T) {
	d, g := answer(t, NewAgent(here), call("m=audio 4000 RTP/AVP 96 0 97", "a=rtpmap:96 speex/16000", "a=fmtp:96 vbr=on"), Line{Addr: here, Port: 40000})
	if len(g[0].Codecs) != 3 {
		t.Errorf("agreed %s", numbersOf(g[0]))
	}
	wantLines(t, written(d), "m=audio 40000 RTP/AVP 96 0 97", "a=rtpmap:96 speex/16000")
}

// One bad m-line does not end a call whose other is good.
func TestOneLineOfTwoFails(t *testing.T) {
	a := NewAgent(here)
	offer(t, a, audio("PCMU"), Line{Kind: "video", Addr: here, Port: 40002, Codecs: codecs("VP8=96")})
	g := takeAnswer(t, a, call("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 34"))
	if !g[0].Enabled || g[1].Enabled || !strings.Contains(g[1].Refusal, "H263") {
		t.Errorf("got %+v", g)
	}
}

// The reason given is that of the m-line we would have taken.
func TestReasonOfTheLineThatMatters(t *testing.T) {
	a := NewAgent(here)
	if err := a.TakeOffer(parsed(t, call("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 3"))); err != nil {
		t.Fatal(err)
	}
	var e *sdp.Error
	if _, _, err := a.Answer([]Line{{}, audio("PCMU")}); !errors.As(err, &e) || e.Line != 7 || e.Warning != 305 {
		t.Errorf("got %v", err)
	}
}

// Two keys for one suite: the tag tells which is meant.
func TestTagTellsTheKey(t *testing.T) {
	line := audio("PCMA")
	line.Crypto = []sdp.Crypto{{Suite: "AES_CM_128_HMAC_SHA1_80", Key: "inline:ONE"}, {Suite: "AES_CM_128_HMAC_SHA1_80", Key: "inline:TWO"}}
	a := NewAgent(here)
	offer(t, a, line)
	if g := takeAnswer(t, a, call("m=audio 4000 RTP/SAVP 8", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:THEIRS")); g[0].Crypto.Ours.Key != "inline:TWO" {
		t.Errorf("got key of tag %d", g[0].Crypto.Ours.Tag)
	}
}

// What begins with a payload number follows it; what names none we have goes.
func TestExtraIsRenumbered(t *testing.T) {
	line := Line{Kind: "video", Addr: here, Port: 40002, Codecs: codecs("VP8=0", "H263=120"), Extra: []sdp.Attribute{
		{Name: "imageattr", Value: "120 send *"}, {Name: "imageattr", Value: "99 send *"}, {Name: "framesize", Value: "120 320-240"}, {Name: "content", Value: "main"}, {Name: "sendonly", Value: ""}, {Name: "rtpmap", Value: "5 x/1"},
	}}
	line.Codecs[0].PayloadType = 110
	d := offer(t, NewAgent(here), line)
	wantLines(t, mline(d, 0), "m=video 40002 RTP/AVP 110 34", "a=imageattr:34 send *", "a=framesize:34 320-240", "a=content:main", "a=sendrecv")
	wantNoLine(t, mline(d, 0), "a=imageattr:99", "a=imageattr:120", "a=sendonly", "a=rtpmap:5 ")
}

func TestSecretsStayOut(t *testing.T) {
	d := parsed(t, call("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETKEYSECRET", "a=ice-ufrag:u", "a=ice-pwd:SECRETPW"))
	a := NewAgent(here)
	line := audio("PCMU")
	line.Crypto = []sdp.Crypto{{Suite: "AES_CM_128_HMAC_SHA1_80", Key: "inline:SECRETOWN"}}
	if err := a.TakeOffer(d); err != nil {
		t.Fatal(err)
	}
	_, g, err := a.Answer([]Line{line})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{d, a.Local(), d.Media[0].Crypto, d.Media[0].ICE, d.Media[0].Attributes, g[0].Crypto, line} {
		if s := sprint(v); strings.Contains(s, "SECRET") {
			t.Errorf("shown: %s", s)
		}
	}
}
