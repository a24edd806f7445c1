package machine_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tandem/pint/machine"
)

const rate = 8000

// said is a piece of what is heard: speech of a level in dBFS, or silence at 0.
type said struct {
	length time.Duration
	level  float64
}

// sound makes something like speech: noise that swells and fades with the syllables,
// four a second, over noise of a line at -60 dBFS.
func sound(pieces ...said) (pcm []int16) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range pieces {
		line, voice := 32768*math.Pow(10, -60.0/20), 0.0
		if p.level != 0 {
			voice = 32768 * math.Pow(10, p.level/20)
		}
		for i := range int(p.length.Seconds() * rate) {
			syllable := 0.6 + 0.4*math.Sin(2*math.Pi*4*float64(i/80)/100)
			pcm = append(pcm, int16((line+voice*syllable)*(2*r.Float64()-1)*1.7))
		}
	}
	return pcm
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// TestVerdict: who answers so, and when that is known.
func TestVerdict(t *testing.T) {
	word, pause := said{ms(400), -24}, said{ms(200), 0}
	for name, c := range map[string]struct {
		sound     []said
		is        machine.Heard
		from, to  time.Duration // of the verdict
		over      bool          // the greeting's end was heard
		overAfter time.Duration
	}{
		"hello":              {[]said{{ms(300), 0}, word, {ms(3000), 0}}, machine.Person, ms(1380), ms(1440), false, 0},
		"two words, a pause": {[]said{{ms(500), 0}, word, pause, word, {ms(3000), 0}}, machine.Person, ms(2180), ms(2240), false, 0},
		"quietly":            {[]said{{ms(500), 0}, {ms(400), -36}, {ms(2000), 0}}, machine.Person, ms(1580), ms(1640), false, 0},
		"nothing":            {[]said{{ms(4000), 0}}, machine.Person, ms(2480), ms(2540), false, 0},
		"late":               {[]said{{ms(2000), 0}, word, {ms(2000), 0}}, machine.Person, ms(3080), ms(3140), false, 0},
		"greeting":           {[]said{{ms(400), 0}, {ms(6000), -20}, {ms(400), 0}, {ms(800), -12}, {ms(3000), 0}}, machine.Machine, ms(2400), ms(2460), true, ms(9080)},
		"with breaths":       {[]said{{ms(200), 0}, {ms(900), -20}, {ms(400), 0}, {ms(900), -20}, {ms(500), 0}, {ms(3000), -20}, {ms(2000), 0}}, machine.Machine, ms(2200), ms(2260), true, ms(7380)},
		"never ends":         {[]said{{ms(13000), -20}}, machine.Machine, ms(1990), ms(2060), true, ms(12000)},
	} {
		d := machine.New(machine.Rule{Longest: 12 * time.Second}, rate)
		var is machine.Heard
		var at, over time.Duration
		pcm := sound(c.sound...)
		for i := 0; i+160 <= len(pcm) && !d.Done(); i += 160 {
			now := time.Duration(i+160) * time.Second / rate
			switch h := d.Hear(pcm[i : i+160]); h {
			case machine.Person, machine.Machine:
				is, at = h, now
			case machine.Over:
				over = now
			}
		}
		if is != c.is || at < c.from || at > c.to {
			t.Errorf("%s: verdict %d after %v, want %d within %v and %v", name, is, at, c.is, c.from, c.to)
		}
		if c.over != (over > 0) || c.over && (over < c.overAfter || over > c.overAfter+ms(60)) {
			t.Errorf("%s: the greeting is over after %v, want %v", name, over, c.overAfter)
		}
	}
}
