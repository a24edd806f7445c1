package route

import (
	"testing"

	"tandem/media/sdp/sdptest"
)

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		pt             uint8
		verb           Verb
		out            uint8
	}{
		{"same number", "PCMU/0", "PCMU/0", 0, Pass, 0},
		{"other number", "opus/111", "opus/96", 111, Pass, 96},
		{"converted", "opus/111", "PCMA/8 PCMU/0", 111, Convert, 8},
		{"second choice passes while the first is converted", "opus/111 PCMU/0", "PCMU/0", 0, Pass, 0},
		{"never declared", "PCMU/0", "PCMU/0", 77, Drop, 0},
		{"cannot be converted", "G729/18 PCMU/0", "PCMU/0", 18, Drop, 0},
		{"keys", "PCMU/0 telephone-event/101", "PCMU/0 telephone-event/97", 101, Key, 97},
		{"noise", "PCMU/0 CN/13", "PCMU/0 CN/13", 13, Pass, 13},
		{"noise nobody wants", "PCMU/0 CN/13", "PCMU/0", 13, Drop, 0},
	} {
		table := Between(sdptest.Agreed(c.from), sdptest.Agreed(c.to))
		if r := table.Of(c.pt); r.Verb != c.verb || r.To != c.out {
			t.Errorf("%s: number %d is %+v", c.name, c.pt, r)
		}
	}
	of := func(from, to string, number uint8) Route {
		t := Between(sdptest.Agreed(from), sdptest.Agreed(to))
		return t.Of(number)
	}
	r := of("opus/111 telephone-event48/110", "PCMU/0 telephone-event/101", 110)
	if r.Verb != Key || r.Clock != 48000 || r.ToClock != 8000 {
		t.Errorf("keys on another clock: %+v", r)
	}
	r = of("PCMU/0 telephone-event/101", "PCMU/0", 101)
	if r.Verb != Key || r.ToClock != 0 {
		t.Errorf("keys for a side without events: %+v", r)
	}
}

func TestVideoPassesUnderItsNumbers(t *testing.T) {
	from, to := sdptest.Agreed("VP8/96 rtx/97"), sdptest.Agreed("VP8/100 rtx/101")
	from.Kind = "video"
	table := Between(from, to)
	for in, out := range map[uint8]uint8{96: 100, 97: 101, 50: 50} {
		if r := table.Of(in); r.Verb != Pass || r.To != out {
			t.Errorf("number %d is %+v, want %d", in, r, out)
		}
	}
}

func TestConversions(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		number         uint8
		pressed        bool
		want           string // what is heard and said, "" for nothing to convert
	}{
		{"what passes", "PCMU/0", "PCMU/0", 0, false, ""},
		{"another codec", "PCMU/0", "PCMA/8", 0, false, "PCMU PCMA"},
		{"no voice yet", "PCMU/0", "PCMA/8", None, false, ""},
		{"nothing we can speak", "PCMU/0", "G729/18", 0, false, ""},
		{"keys for who has none, not pressed", "PCMU/0 telephone-event/101", "PCMU/0", 0, false, ""},
		{"keys for who has none", "PCMU/0 telephone-event/101", "PCMU/0", 0, true, "PCMU PCMU keys"},
		{"keys of both", "PCMU/0 telephone-event/101", "PCMU/0 telephone-event/97", 0, true, ""},
	} {
		from, to := sdptest.Agreed(c.from), sdptest.Agreed(c.to)
		table := Between(from, to)
		got := ""
		if k, need := table.Conversion(from, to, c.number, c.pressed, false); need {
			if got = k.In.Name + " " + k.Out.Name; k.Keys {
				got += " keys"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
