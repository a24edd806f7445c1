package number

import (
	"errors"
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
)

// automaton runs several patterns over a number in one pass, a table look-up a
// digit. Package regexp would need a pass for each pattern and would allocate.
type automaton struct {
	next [][10]uint16 // by state and digit; state 0 is the end of all matches
	full []classes    // whose pattern matches what was read so far, by state
}

// classes is a set of Class.
type classes uint16

func (c classes) has(class Class) bool { return c&(1<<class) != 0 }

// run reads digits. full are the classes whose pattern matches all of them,
// begin those whose pattern matches the digits from the first one on.
func (a *automaton) run(digits []byte) (full, begin classes) {
	state := uint16(1)
	for _, d := range digits {
		state = a.next[state][d-'0']
		full = a.full[state]
		begin |= full
	}
	return full, begin
}

// matches reports whether a pattern matches all of the digits.
func (a *automaton) matches(digits []byte) bool {
	full, _ := a.run(digits)
	return full != 0
}

// longest is how many of the digits the longest match from the first on has.
func (a *automaton) longest(digits []byte) int {
	n, state := 0, uint16(1)
	for i, d := range digits {
		if state = a.next[state][d-'0']; a.full[state] != 0 {
			n = i + 1
		}
	}
	return n
}

// shortest is the least of the shortest texts that match, "" when none does.
func (a *automaton) shortest() string {
	texts := map[uint16]string{1: ""}
	for queue := []uint16{1}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if a.full[s] != 0 {
			return texts[s]
		}
		for d, next := range a.next[s] {
			if _, seen := texts[next]; !seen && next != 0 {
				texts[next] = texts[s] + string('0'+rune(d))
				queue = append(queue, next)
			}
		}
	}
	return ""
}

// pattern is a regular expression of digits, and what a number that matches is.
type pattern struct {
	class Class
	text  string
}

// thread is a place in the program of one of the patterns.
type thread struct {
	pattern int
	pc      uint32
}

// compiler turns patterns into an automaton by subset construction.
type compiler struct {
	patterns []pattern
	progs    []*syntax.Prog
	states   map[string]uint16
	sets     [][]thread
	out      *automaton
}

var errTooLarge = errors.New("patterns need too many states")

func compile(patterns []pattern) (*automaton, error) {
	c := &compiler{patterns: patterns, states: map[string]uint16{"": 0}, sets: [][]thread{nil},
		out: &automaton{next: make([][10]uint16, 1), full: make([]classes, 1)}}
	var start []thread
	for i, p := range patterns {
		re, err := syntax.Parse(p.text, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p.text, err)
		}
		prog, err := syntax.Compile(re.Simplify())
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p.text, err)
		}
		c.progs = append(c.progs, prog)
		start = c.follow(start, thread{i, uint32(prog.Start)})
	}
	if first := c.state(start); first == 0 { // no pattern: nothing ever matches
		c.out.next, c.out.full = append(c.out.next, [10]uint16{}), append(c.out.full, 0)
		return c.out, nil
	}
	for s := 1; s < len(c.sets); s++ {
		for d := range 10 {
			var set []thread
			for _, t := range c.sets[s] {
				if inst := &c.progs[t.pattern].Inst[t.pc]; inst.Op != syntax.InstMatch && inst.MatchRune('0'+rune(d)) {
					set = c.follow(set, thread{t.pattern, inst.Out})
				}
			}
			next := c.state(set)
			if len(c.sets) > math.MaxUint16 {
				return nil, errTooLarge
			}
			c.out.next[s][d] = next
		}
	}
	return c.out, nil
}

// follow adds to a set the places that read a digit, or end, reached from t
// without reading one.
func (c *compiler) follow(set []thread, t thread) []thread {
	if slices.Contains(set, t) {
		return set
	}
	switch inst := &c.progs[t.pattern].Inst[t.pc]; inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		set = c.follow(set, thread{t.pattern, inst.Out})
		set = c.follow(set, thread{t.pattern, inst.Arg})
	case syntax.InstCapture, syntax.InstNop:
		set = c.follow(set, thread{t.pattern, inst.Out})
	case syntax.InstFail:
	default:
		set = append(set, t)
	}
	return set
}

// state is the number of a set of places, made when it is new.
func (c *compiler) state(set []thread) uint16 {
	slices.SortFunc(set, func(a, b thread) int {
		if a.pattern != b.pattern {
			return a.pattern - b.pattern
		}
		return int(a.pc) - int(b.pc)
	})
	set = slices.Compact(set)
	key := make([]byte, 0, 5*len(set))
	var full classes
	for _, t := range set {
		key = append(key, byte(t.pattern), byte(t.pc), byte(t.pc>>8), byte(t.pc>>16))
		if c.progs[t.pattern].Inst[t.pc].Op == syntax.InstMatch {
			full |= 1 << c.patterns[t.pattern].class
		}
	}
	if s, ok := c.states[string(key)]; ok {
		return s
	}
	s := uint16(len(c.sets))
	c.states[string(key)] = s
	c.sets = append(c.sets, set)
	c.out.next = append(c.out.next, [10]uint16{})
	c.out.full = append(c.out.full, full)
	return s
}
