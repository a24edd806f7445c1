// Package machine tells an answering machine from a person by how they answer: a
// person says a word or two and waits for the other to speak, a machine goes on. It
// hears sound and knows nothing of calls.
//
// The rule is one of length and pauses. Whoever says nothing at all is taken for a
// person who listens: hanging up on a person is worse than talking to a machine.
package machine

import (
	"math"
	"time"
)

// Rule says what a machine sounds like. Zero values take the defaults.
type Rule struct {
	Greeting time.Duration // who talks longer than this without a pause is a machine; default 2 s
	Pause    time.Duration // so much silence after something was said is a person who waits; default 700 ms
	Silence  time.Duration // so long nothing at all is said by somebody who listens; default 2.5 s
	Over     time.Duration // so much silence after a machine's greeting is its end, beep included; default 1.5 s
	Longest  time.Duration // a greeting is over then at the latest; default 1 min
	Level    float64       // dBFS above which somebody speaks; default -42
}

// Heard is what came out.
type Heard uint8

// What comes out, in this order: Person, and nothing after it, or Machine and later
// Over.
const (
	Nothing Heard = iota
	Person
	Machine
	Over // its greeting is over: it records now
)

// Detector hears one party. It is not safe for concurrent use.
type Detector struct {
	rule Rule

	rate   int
	time   time.Duration // heard in all
	spoken time.Duration // when something was said first, and so on until the last word
	begun  bool
	began  time.Duration
	quiet  time.Duration // since the last word
	is     Heard         // Person or Machine, once it is known
	over   bool
}

// New makes a Detector of sound of a rate in Hz.
func New(rule Rule, rate int) *Detector {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&rule.Greeting, 2 * time.Second}, {&rule.Pause, 700 * time.Millisecond}, {&rule.Silence, 2500 * time.Millisecond},
		{&rule.Over, 1500 * time.Millisecond}, {&rule.Longest, time.Minute}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if rule.Level == 0 {
		rule.Level = -42
	}
	return &Detector{rule: rule, rate: rate}
}

// Hear takes the next piece of sound, of 10 to 60 ms, and says what came out.
func (d *Detector) Hear(pcm []int16) Heard {
	length := time.Duration(len(pcm)) * time.Second / time.Duration(d.rate)
	d.time += length
	if level(pcm) > d.rule.Level {
		if !d.begun {
			d.begun, d.began = true, d.time-length
		}
		d.spoken, d.quiet = d.time-d.began, 0
	} else {
		d.quiet += length
	}
	if d.is == Machine {
		return d.after()
	}
	return d.judge()
}

func (d *Detector) judge() Heard {
	switch {
	case d.is != Nothing:
		return Nothing
	case d.spoken > d.rule.Greeting:
		d.is = Machine
	case d.begun && d.quiet >= d.rule.Pause, !d.begun && d.time >= d.rule.Silence:
		d.is = Person
	}
	return d.is
}

// after waits for the end of a machine's greeting.
func (d *Detector) after() Heard {
	if d.over || d.quiet < d.rule.Over && d.time < d.rule.Longest {
		return Nothing
	}
	d.over = true
	return Over
}

// Done reports whether nothing comes out any more.
func (d *Detector) Done() bool { return d.is == Person || d.over }

// level is the mean power in dBFS.
func level(pcm []int16) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	if sum == 0 || len(pcm) == 0 {
		return math.Inf(-1)
	}
	return 10 * math.Log10(sum/float64(len(pcm))/(32768*32768))
}
