package negotiation

import (
	"strings"
	"testing"

	"tandem/media/sdp"
	"tandem/media/sdp/sdptest"
)

func names(l []sdp.Codec) string {
	var out []string
	for _, c := range l {
		n := c.Name
		if c.Event() && c.ClockRate == 48000 {
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
		if got := names(offerCodecs(c.want, sdptest.Codecs(c.base), c.alone)); got != c.out {
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
		if got := names(answerCodecs(Want{}, sdptest.Codecs(c.theirs), sdptest.Agreed(c.far))); got != c.out {
			t.Errorf("%s: answered %q, want %q", c.name, got, c.out)
		}
	}
	opus := answerCodecs(Want{}, sdptest.Codecs("opus/111"), sdptest.Agreed("PCMU/0 telephone-event/101"))
	if opus[0].Fmtp != "maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1" {
		t.Errorf("an Opus phone that talks to a telephone is asked for %q", opus[0].Fmtp)
	}
	if got := offerCodecs(Want{Codecs: []string{"opus"}}, sdptest.Codecs("PCMU/0 G722/9"), false)[0].Fmtp; got != "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1" {
		t.Errorf("an Opus phone offered to one with G.722 is asked for %q", got)
	}
	if got := names(answerCodecs(Want{}, sdptest.Codecs("G722/9 PCMU/0 telephone-event/101"), nil)); got != "G722 PCMU telephone-event" {
		t.Errorf("alone: answered %q", got)
	}
}
