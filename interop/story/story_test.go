package story

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/sound"
)

// house is a server as stories see it, with mistakes.
type house struct {
	deaf   bool // nobody hears anybody
	faint  bool // sound loses 6 dB
	leaky  bool // who is on hold is heard
	doubly bool // each key comes twice
	code   int  // that callers are told, 0 for the right one
	stuck  bool // the end of a call is not told
	torn   bool // packets of a fax change on their way
	hold   bool
}

// puppet does as it is told, at once.
type puppet struct {
	Plain
	*house
	tone  float64
	peer  *puppet
	since time.Time // of the call
	told  chan int
	ended chan bool
	keys  string
	fax   []byte
}

func (p *puppet) Address() string                       { return "sip:" + p.Name }
func (p *puppet) Tone() float64                         { return p.tone }
func (p *puppet) Dial(context.Context, string) error    { return nil }
func (p *puppet) Ringing(context.Context) error         { return nil }
func (p *puppet) Answer(context.Context) error          { return nil }
func (p *puppet) Established(context.Context) error     { p.since = time.Now(); return nil }
func (p *puppet) Rest(context.Context) error            { p.keys = ""; return nil }
func (p *puppet) Mark() int                             { return int(time.Since(p.since) / time.Millisecond) }
func (p *puppet) Hold(_ context.Context, on bool) error { p.hold = on; return nil }
func (p *puppet) Press(_ context.Context, key string) error {
	p.peer.keys += key
	if p.doubly {
		p.peer.keys += key
	}
	return nil
}
func (p *puppet) Incoming(context.Context) error               { return nil }
func (p *puppet) Fax(context.Context) (int, error)             { return 200, nil }
func (p *puppet) Faxed(_ context.Context, _ bool) (int, error) { return 200, nil }
func (p *puppet) Printed(packet []byte) bool                   { return bytes.Equal(p.fax, packet) }
func (p *puppet) Scan(_ context.Context, packet []byte) error {
	p.peer.fax = bytes.Clone(packet)
	if p.torn {
		p.peer.fax[3]++
	}
	return nil
}

// TransferRefused is told what the third says, or something else.
func (p *puppet) TransferRefused(context.Context, string) (int, error) {
	if p.code != 0 {
		return p.code, nil
	}
	return 486, nil
}

func (p *puppet) Pressed(context.Context, int) (string, error) { return p.keys, nil }

func (p *puppet) Refuse(_ context.Context, code int) (int, error) {
	told := code
	if p.code != 0 {
		told = p.code
	}
	p.peer.told <- told
	return code, nil
}

func (p *puppet) HangUp(context.Context) error {
	if !p.stuck {
		p.peer.ended <- true
	}
	return nil
}

func (p *puppet) Ended(ctx context.Context) (int, error) {
	select {
	case code := <-p.told:
		return code, nil
	case <-p.ended:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (p *puppet) Heard(mark int) ([]sound.Segment, error) {
	if p.deaf || p.hold && !p.leaky {
		return nil, nil
	}
	level := Level
	if p.faint {
		level -= 6
	}
	return []sound.Segment{{Freq: p.peer.tone, Level: level, Length: time.Since(p.since) - time.Duration(mark)*time.Millisecond}}, nil
}

// TestMistakesAreSeen: what a server does wrong makes a story fail, by a text that says
// what.
func TestMistakesAreSeen(t *testing.T) {
	for _, c := range []struct {
		name, story string
		house       house
		says        string // "" where nothing is wrong
	}{
		{"a call", "call-out", house{}, ""},
		{"no sound", "call-in", house{deaf: true}, "should hear"},
		{"faint sound", "call-out", house{faint: true}, "-21.0 dBFS"},
		{"the end is not told", "call-out", house{stuck: true}, "the end at the other side"},
		{"a cancel is not told", "give-up", house{stuck: true}, "the end at the other side"},
		{"busy", "busy", house{}, ""},
		{"another code", "busy", house{code: 603}, "should be told 486 and was told 603"},
		{"failures", "failure", house{}, ""},
		{"keys", "keys", house{}, ""},
		{"each key twice", "keys", house{doubly: true}, `heard was "55"`},
		{"hold", "hold", house{}, ""},
		{"heard on hold", "held", house{leaky: true}, "should not hear"},
		{"a fax is taken though it should not", "fax", house{}, "the fax was refused with 200"},
		{"a fax", "fax-switch", house{}, ""},
		{"packets of a fax change", "fax-switch", house{torn: true}, "has not got the packet"},
		{"a transfer that is refused", "transfer-refused", house{}, ""},
		{"it is told as something else", "transfer-refused", house{code: 500}, "refused with 486, and the report says 500"},
		{"a story that cannot be told", "transfer", house{}, "cannot, because hero does not transfer calls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hero := &puppet{Plain: Plain{"hero"}, house: &c.house, tone: 700, told: make(chan int, 1), ended: make(chan bool, 1)}
				other := &puppet{Plain: Plain{"other"}, house: &c.house, tone: 440, peer: hero, told: make(chan int, 1), ended: make(chan bool, 1)}
				hero.peer = other
				s, ok := Find(c.story)
				if !ok {
					t.Fatal("there is no such story")
				}
				third := &puppet{Plain: Plain{"third"}, house: &c.house, peer: other, told: make(chan int, 1), ended: make(chan bool, 1)}
				err := s.Play(t.Context(), Cast{Hero: hero, Other: other, Third: third}, 10*time.Second)
				if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%v, want %q", err, c.says)
				}
				if _, ok := Excuse(err); ok != (c.story == "transfer") {
					t.Errorf("excused %t: %v", ok, err)
				}
			})
		})
	}
}
