// Package format is what is known of the formats a stream may have, as data: one
// descriptor each. Descriptions are compared by it, quality is estimated by it, and
// codecs are found by its names. It converts nothing and reads nothing.
package format

import "strings"

// Format describes one format of RTP.
type Format struct {
	Name     string // as its standard spells it
	Role     Role
	Clock    int // RTP clock in Hz when nothing else is said
	Channels int // when nothing else is said; 0: one

	// Numbers are the payload numbers of RFC 3551 §6.
	Numbers []Number
	// Also are spellings of devices, in capitals.
	Also []string
	// Clocks are those that mean the same; none: the clock has to agree.
	Clocks []int
	// AnyChannels says that the number of channels tells nothing.
	AnyChannels bool
	// Alike are parameters of fmtp that must agree, or streams are incompatible.
	// All others say only what their writer likes.
	Alike []Parameter
	// Answer is how the fmtp of an answer is made.
	Answer Answer
	// Declined is the parameter that either side can decline for both.
	Declined string
	// Loss is what a call in it suffers; nil when it is not known.
	Loss *Loss
	// Offered is the number it is offered under where it has none of its own; 0: it
	// is not offered by us.
	Offered uint8
}

// Role is what a format carries.
type Role uint8

// The roles.
const (
	Sound  Role = iota
	Sight       // a picture
	Keys        // keys and tones as events
	Noise       // of silence
	Helper      // redundancy and repair of another
)

// Carries reports whether a stream may consist of it alone.
func (r Role) Carries() bool { return r <= Sight }

// Number is a payload number and what it means.
type Number struct {
	PT       uint8
	Clock    int
	Channels int
}

// Parameter is one of fmtp. Standard is its value when it is not written; Normal,
// where there is one, brings the spellings of one value together.
type Parameter struct {
	Name, Standard string
	Normal         func(string) string
}

// Answer is how the fmtp of an answer is made of what both say.
type Answer uint8

// The ways.
const (
	AnswerOurs   Answer = iota // ours; theirs where we have none and it must agree
	AnswerOwn                  // ours alone
	AnswerEvents               // the events that both take (RFC 4733 §2.4.1)
	AnswerNo                   // what either declines is off (RFC 4856 §2.1.9)
	AnswerLonger               // the longer frame wins (RFC 3952 §5)
)

// Loss is what a codec costs (ITU-T G.113 Appendix I): Ie without loss, and Bpl,
// how well it stands loss, at a receiver that conceals it.
type Loss struct{ Ie, Bpl float64 }

// Of finds a format by any spelling of its name, nil when it is not known.
func Of(name string) *Format {
	if name == "" {
		return nil
	}
	if f := usual[place(name)]; f != nil && f.Name == name {
		return f // at once: a call asks some hundred times
	}
	for i := range formats {
		if n := formats[i].Name; len(n) == len(name) && strings.EqualFold(n, name) {
			return &formats[i]
		}
	}
	return byAlias[strings.ToUpper(name)]
}

// Static is the format that RFC 3551 gives a payload number, and what the number
// says of clock and channels; nil when it gives none.
func Static(pt uint8) (*Format, Number) {
	if int(pt) >= len(byNumber) {
		return nil, Number{}
	}
	s := byNumber[pt]
	return s.format, s.number
}

var (
	usual    [256]*Format // where its name falls, if it fell there first
	byAlias  = make(map[string]*Format)
	byNumber = index()
)

// place is where a name falls among the usual.
func place(name string) uint8 {
	return uint8(len(name))*31 ^ name[0] ^ name[len(name)-1]*5
}

type static struct {
	format *Format
	number Number
}

// index fills the tables by which formats are found.
func index() (list [35]static) {
	for i := range formats {
		f := &formats[i]
		if at := &usual[place(f.Name)]; *at == nil {
			*at = f
		}
		for _, a := range f.Also {
			byAlias[a] = f
		}
		for _, n := range f.Numbers {
			list[n.PT] = static{f, n}
		}
	}
	return list
}
