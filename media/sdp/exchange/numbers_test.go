package exchange

import (
	"slices"
	"strconv"
	"testing"

	"tandem/media/sdp"
)

// Troubles with payload numbers that other servers had in the field.

// The callee numbers an offered codec its own way: each side is sent what it
// listed itself.
func TestAsymmetricNumbers(t *testing.T) {
	a := NewAgent(here)
	offer(t, a, audio("opus=107", "G722", "telephone-event=110"))
	g := takeAnswer(t, a, call("m=audio 4000 RTP/AVP 97 101", "a=rtpmap:97 opus/48000/2", "a=rtpmap:101 telephone-event/8000"))
	if got := numbersOf(g[0]); got != "opus:97/107 telephone-event:101/110" {
		t.Fatalf("agreed %s", got)
	}
	for n, want := range map[uint8]string{107: "opus", 110: "telephone-event", 97: "opus", 101: "telephone-event"} {
		if c, ok := g[0].Find(n); !ok || c.Canonical() != want {
			t.Errorf("packet with %d is %s", n, c.Name)
		}
	}
	if _, ok := g[0].Find(99); ok {
		t.Error("a number nobody named was found")
	}
	// It offers again, the same as it answered: its numbers hold for both ways.
	d, g := answer(t, a, call("m=audio 4000 RTP/AVP 97 101", "a=rtpmap:97 opus/48000/2", "a=rtpmap:101 telephone-event/8000"), audio("opus", "telephone-event"))
	if got := numbersOf(g[0]); got != "opus:97/97 telephone-event:101/101" {
		t.Errorf("agreed %s\n%s", got, d)
	}
	// Our next offer has the numbers of before.
	d = offer(t, a, audio("opus", "G722", "telephone-event"))
	if f := d.Media[0].Formats; !slices.Contains([]string{"97", "107"}, f[0]) || !slices.Contains([]string{"101", "110"}, f[2]) {
		t.Errorf("formats %v", f)
	}
}

// A swap: they use our number for opus as the number of events. A packet with
// it is what we said it is.
func TestCrossedNumbers(t *testing.T) {
	a := NewAgent(here)
	offer(t, a, audio("opus=101", "telephone-event=102"))
	g := takeAnswer(t, a, call("m=audio 4000 RTP/AVP 102 101", "a=rtpmap:102 opus/48000/2", "a=rtpmap:101 telephone-event/8000"))
	if got := numbersOf(g[0]); got != "opus:102/101 telephone-event:101/102" {
		t.Fatalf("agreed %s", got)
	}
	if c, _ := g[0].Find(101); c.Name != "opus" {
		t.Errorf("101 is %s", c.Name)
	}
}

// ph-poly-hold-pt: a re-INVITE with the same codec by another number is answered with the new
// number, and receives by it.
func TestRenumberedReoffer(t *testing.T) {
	a := NewAgent(here)
	offer(t, a, audio("AMR-WB=102", "PCMU"))
	takeAnswer(t, a, call("m=audio 4000 RTP/AVP 102", "a=rtpmap:102 AMR-WB/16000"))
	d, g := answer(t, a, call("m=audio 4000 RTP/AVP 110", "a=rtpmap:110 AMR-WB/16000"), audio("AMR-WB"))
	if got := numbersOf(g[0]); got != "AMR-WB:110/110" || d.Media[0].Formats[0] != "110" {
		t.Errorf("agreed %s", got)
	}
}

// Our re-offer keeps what numbers meant: 106 stays opus and 102 stays G726,
// whatever the codecs offered this time.
func TestReofferKeepsMeanings(t *testing.T) {
	a := NewAgent(here)
	answer(t, a, call("m=audio 4000 RTP/AVP 106 102 101", "a=rtpmap:106 opus/48000/2", "a=rtpmap:102 G726-32/8000", "a=rtpmap:101 telephone-event/8000"),
		audio("opus", "telephone-event"))
	d := offer(t, a, audio("opus=102", "speex=101", "iLBC=102", "telephone-event"))
	wantLines(t, written(d), "a=rtpmap:106 opus/48000/2", "a=rtpmap:101 telephone-event/8000")
	for _, c := range d.Media[0].Codecs {
		if (c.Name == "speex" || c.Name == "iLBC") && (c.PayloadType == 101 || c.PayloadType == 102 || c.PayloadType == 106) {
			t.Errorf("%s got %d, which means something else to the other side", c.Name, c.PayloadType)
		}
	}
}

// They offer a number that has another meaning in what we wrote: we answer
// with a number of our own for it, and send with theirs.
func TestConflictingReoffer(t *testing.T) {
	a := NewAgent(here)
	offer(t, a, audio("opus=96", "telephone-event=101"))
	takeAnswer(t, a, call("m=audio 4000 RTP/AVP 111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/8000"))
	d, g := answer(t, a, call("m=audio 4000 RTP/AVP 111 96", "a=rtpmap:111 opus/48000/2", "a=rtpmap:96 telephone-event/8000"), audio("opus", "telephone-event"))
	if got := numbersOf(g[0]); got != "opus:111/111 telephone-event:96/101" {
		t.Errorf("agreed %s\n%s", got, d)
	}
}

// Behind a transfer stands another device: o= is another, and so may be what
// the numbers mean.
func TestAnotherSessionBehindTheSameDialog(t *testing.T) {
	a := NewAgent(here)
	answer(t, a, call("m=audio 4000 RTP/AVP 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000"), audio("opus", "telephone-event"))
	other := text("v=0", "o=other 99 1 IN IP4 10.0.0.7", "s=-", "c=IN IP4 10.0.0.7", "t=0 0",
		"m=audio 6000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000")
	_, g := answer(t, a, other, audio("PCMU", "telephone-event"))
	if got := numbersOf(g[0]); got != "PCMU:0/0 telephone-event:96/96" {
		t.Errorf("agreed %s", got)
	}
}

// An offer uses a static number for events; their number counts all the same.
func TestStaticNumberRenamed(t *testing.T) {
	_, g := answer(t, NewAgent(here), call("m=audio 4000 RTP/AVP 0 10 9", "a=rtpmap:10 telephone-event/8000", "a=rtpmap:9 G722/8000", "a=rtpmap:9 G722/16000"),
		audio("G722", "PCMU", "telephone-event"))
	if got := numbersOf(g[0]); got != "G722:9/9 PCMU:0/0 telephone-event:10/10" {
		t.Errorf("agreed %s", got)
	}
	// To the other side we give it a dynamic one.
	d := offer(t, NewAgent(here), audio("PCMU", "telephone-event=10"))
	if d.Media[0].Formats[1] != "101" {
		t.Errorf("formats %v", d.Media[0].Formats)
	}
}

// After a hold the phone lists other numbers without saying rtpmap again: they
// mean what they meant.
func TestNumbersWithoutRtpmapKeepTheirMeaning(t *testing.T) {
	a := NewAgent(here)
	answer(t, a, call("m=audio 4000 RTP/AVP 0 97 98", "a=rtpmap:97 opus/48000/2", "a=rtpmap:98 telephone-event/8000"), audio("opus", "PCMU", "telephone-event"))
	_, g := answer(t, a, call("m=audio 4000 RTP/AVP 97 98", "a=sendonly"), audio("opus", "PCMU", "telephone-event"))
	if got := numbersOf(g[0]); got != "opus:97/97 telephone-event:98/98" {
		t.Errorf("agreed %s", got)
	}
}

func TestNumbersRunOut(t *testing.T) {
	a := NewAgent(here)
	var list []sdp.Codec
	for i := range 200 {
		list = append(list, sdp.Codec{Name: "x" + strconv.Itoa(i), ClockRate: 8000})
	}
	d := offer(t, a, Line{Addr: here, Port: 40000, Codecs: append(codecs("PCMU"), list...)})
	if n := len(d.Media[0].Formats); n != 1+32+29 {
		t.Errorf("%d formats", n)
	}
}

func TestAnswerFmtp(t *testing.T) {
	for _, c := range []struct{ name, ours, theirs, want string }{
		{"telephone-event", "", "", "0-15"},
		{"telephone-event", "0-16", "0-15", "0-15"},
		{"telephone-event", "0-15", "0-16,32-49,66", "0-15"},
		{"telephone-event", "0-11,16", "0-15,16,70", "0-11,16"},
		{"telephone-event", "0-16", "events=0-16", "0-16"},
		{"telephone-event", "0-15", "99", "0-15"},
		{"telephone-event", "0-15", "nonsense", "0-15"},
		{"telephone-event", "0-255", "15-0,0-300, 3 - 5", "3-5"},
		{"G729", "", "annexb=no", "annexb=no"},
		{"G729", "annexb=no", "", "annexb=no"},
		{"G729", "annexb=no", "annexb=yes", "annexb=no"},
		{"G729", "", "annexb=yes", ""},
		{"G723", "", "bitrate=6.3;annexa=no", "annexa=no"},
		{"opus", "useinbandfec=1", "minptime=10;useinbandfec=1;stereo=1", "useinbandfec=1"},
		{"opus", "", "stereo=1", ""},
		{"AMR", "", "octet-align=1; mode-set=7", "octet-align=1; mode-set=7"},
		{"H264", "", "profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42e01f;packetization-mode=1"},
		{"iLBC", "mode=20", "mode=30", "mode=30"},
		{"iLBC", "mode=20", "mode=20", "mode=20"},
		{"speex", "", "vbr=on", ""},
	} {
		if got := answerFmtp(sdp.Codec{Name: c.name, Fmtp: c.ours}, sdp.Codec{Name: c.name, Fmtp: c.theirs}); got != c.want {
			t.Errorf("%s: ours %q theirs %q: %q, want %q", c.name, c.ours, c.theirs, got, c.want)
		}
	}
}
