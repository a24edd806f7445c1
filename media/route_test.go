package media

import (
	"strings"
	"testing"

	"tandem/media/sdp"
)

// list reads "PCMU/0 opus/111 telephone-event/101" into codecs.
func list(t *testing.T, text string) []sdp.Codec {
	t.Helper()
	var out []sdp.Codec
	for _, w := range strings.Fields(text) {
		name, number, _ := strings.Cut(w, "/")
		c := sdp.Codec{Name: name, ClockRate: 8000, Channels: 1}
		for _, d := range number {
			c.PayloadType = c.PayloadType*10 + uint8(d-'0')
		}
		if name == "opus" {
			c.ClockRate, c.Channels = 48000, 2
		}
		if rest, ok := strings.CutSuffix(name, "48"); ok {
			c.Name, c.ClockRate = rest, 48000
		}
		out = append(out, c)
	}
	return out
}

func agreed(t *testing.T, text string) *sdp.Agreed {
	a := &sdp.Agreed{Kind: "audio", Enabled: true, CanSend: true, CanReceive: true, Ptime: 20}
	for _, c := range list(t, text) {
		a.Codecs = append(a.Codecs, sdp.AgreedCodec{Codec: c, Send: c.PayloadType, Receive: c.PayloadType})
	}
	return a
}

func names(l []sdp.Codec) string {
	var out []string
	for _, c := range l {
		n := c.Name
		if isEvent(c) && c.ClockRate == 48000 {
			n += "48"
		}
		out = append(out, n)
	}
	return strings.Join(out, " ")
}

func TestOfferCodecs(t *testing.T) {
	for _, c := range []struct {
		name, base string
		want       Want
		alone      bool
		out        string
	}{
		{"as the other side, events added", "PCMU/0 PCMA/8", Want{}, false, "PCMU PCMA telephone-event"},
		{"events as they were", "PCMU/0 telephone-event/96", Want{}, false, "PCMU telephone-event"},
		{"no events wanted", "PCMU/0", Want{NoEvents: true}, false, "PCMU"},
		{"unknown codecs pass", "ecelp7470/97 PCMU/0", Want{}, false, "ecelp7470 PCMU telephone-event"},
		{"only what was asked for", "opus/111 telephone-event48/110", Want{Codecs: []string{"PCMU"}}, false, "PCMU telephone-event"},
		{"added behind", "PCMU/0", Want{Add: []string{"PCMA"}}, false, "PCMU PCMA telephone-event"},
		{"stripped", "opus/111 PCMU/0", Want{Strip: []string{"OPUS"}}, false, "PCMU telephone-event"},
		{"one event format a clock", "opus/111 PCMU/0", Want{}, false, "opus PCMU telephone-event telephone-event48"},
		{"alone", "", Want{}, true, "opus G722 PCMA PCMU telephone-event telephone-event48"},
	} {
		if got := names(offerCodecs(c.want, list(t, c.base), c.alone)); got != c.out {
			t.Errorf("%s: offered %q, want %q", c.name, got, c.out)
		}
	}
}

func TestAnswerCodecs(t *testing.T) {
	for _, c := range []struct{ name, theirs, far, out string }{
		{"common codecs in the far side's order", "PCMU/0 PCMA/8", "PCMA/8 PCMU/0", "PCMA PCMU"},
		{"nothing common: one to convert", "opus/111 G722/9 telephone-event/101", "PCMU/0", "opus telephone-event"},
		{"nothing to hear nor speak", "ecelp7470/97 G729/18", "PCMU/0", ""},
		{"an unknown codec both have passes", "ecelp7470/97 PCMU/0", "ecelp7470/98", "ecelp7470"},
		{"events on the clock of the voice", "opus/111 telephone-event/101 telephone-event48/110", "opus/96", "opus telephone-event48"},
		{"noise only when the far side makes it", "PCMU/0 CN/13", "PCMU/0", "PCMU"},
		{"noise of both", "PCMU/0 CN/13", "PCMU/0 CN/13", "PCMU CN"},
	} {
		if got := names(answerCodecs(Want{}, list(t, c.theirs), agreed(t, c.far))); got != c.out {
			t.Errorf("%s: answered %q, want %q", c.name, got, c.out)
		}
	}
	opus := answerCodecs(Want{}, list(t, "opus/111"), agreed(t, "PCMU/0 telephone-event/101"))
	if opus[0].Fmtp != "maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1" {
		t.Errorf("an Opus phone that talks to a telephone is asked for %q", opus[0].Fmtp)
	}
	if got := offerCodecs(Want{Codecs: []string{"opus"}}, list(t, "PCMU/0 G722/9"), false)[0].Fmtp; got != "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1" {
		t.Errorf("an Opus phone offered to one with G.722 is asked for %q", got)
	}
	if got := names(answerCodecs(Want{}, list(t, "G722/9 PCMU/0 telephone-event/101"), nil)); got != "G722 PCMU telephone-event" {
		t.Errorf("alone: answered %q", got)
	}
}

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		pt             uint8
		verb           verb
		out            uint8
	}{
		{"same number", "PCMU/0", "PCMU/0", 0, pass, 0},
		{"other number", "opus/111", "opus/96", 111, pass, 96},
		{"converted", "opus/111", "PCMA/8 PCMU/0", 111, convert, 8},
		{"second choice passes while the first is converted", "opus/111 PCMU/0", "PCMU/0", 0, pass, 0},
		{"never declared", "PCMU/0", "PCMU/0", 77, drop, 0},
		{"cannot be converted", "G729/18 PCMU/0", "PCMU/0", 18, drop, 0},
		{"keys", "PCMU/0 telephone-event/101", "PCMU/0 telephone-event/97", 101, key, 97},
		{"noise", "PCMU/0 CN/13", "PCMU/0 CN/13", 13, pass, 13},
		{"noise nobody wants", "PCMU/0 CN/13", "PCMU/0", 13, drop, 0},
	} {
		table := routes(agreed(t, c.from), agreed(t, c.to))
		if r := table[c.pt]; r.verb != c.verb || r.to != c.out {
			t.Errorf("%s: number %d is %+v", c.name, c.pt, r)
		}
	}
	r := routes(agreed(t, "opus/111 telephone-event48/110"), agreed(t, "PCMU/0 telephone-event/101"))[110]
	if r.verb != key || r.clock != 48000 || r.toClock != 8000 {
		t.Errorf("keys on another clock: %+v", r)
	}
	r = routes(agreed(t, "PCMU/0 telephone-event/101"), agreed(t, "PCMU/0"))[101]
	if r.verb != key || r.toClock != 0 {
		t.Errorf("keys for a side without events: %+v", r)
	}
}

func TestVideoPassesUnderItsNumbers(t *testing.T) {
	from, to := agreed(t, "VP8/96 rtx/97"), agreed(t, "VP8/100 rtx/101")
	from.Kind = "video"
	table := routes(from, to)
	for in, out := range map[uint8]uint8{96: 100, 97: 101, 50: 50} {
		if r := table[in]; r.verb != pass || r.to != out {
			t.Errorf("number %d is %+v, want %d", in, r, out)
		}
	}
}
