// Package format holds what is known of the formats of streams as data, one descriptor
// for each. Descriptions are compared with it, quality is estimated with it, and codecs
// are found by its names. It converts and reads nothing.
package format

import "strings"

// Format describes one format of RTP.
type Format struct {
	Name     string // in the spelling of its standard
	Role     Role
	Clock    int // RTP clock in Hz, if nothing else is given
	Channels int // if nothing else is given; 0 = one

	// Numbers are the payload numbers of RFC 3551 §6.
	Numbers []Number
	// Also lists the spellings of devices, in capitals.
	Also []string
	// Clocks lists equivalent clock rates; none: the clock has to be the same.
	Clocks []int
	// AnyChannels says that the number of channels has no meaning.
	AnyChannels bool
	// Alike lists the fmtp parameters that must agree, or streams are incompatible. All
	// others are only preferences of their writer.
	Alike []Parameter
	// Answer says how the fmtp of an answer is made.
	Answer Answer
	// Declined is the parameter that either side can switch off for both.
	Declined string
	// Loss is the impairment of a call with it; nil when unknown.
	Loss *Loss
	// Offered is the payload number with which we offer it if it has no static one; 0:
	// we do not offer it.
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

// Carries reports whether it can be a stream by itself.
func (r Role) Carries() bool { return r <= Sight }

// Number is a payload number and what it means.
type Number struct {
	PT       uint8
	Clock    int
	Channels int
}

// Parameter is an fmtp parameter. Standard is its value when it is missing; Normal, if
// set, maps all spellings of a value to one.
type Parameter struct {
	Name, Standard string
	Normal         func(string) string
}

// Answer says how the fmtp of an answer is made from what both sides say.
type Answer uint8

// The ways.
const (
	AnswerOurs   Answer = iota // ours; theirs if we have none and it must agree
	AnswerOwn                  // only ours
	AnswerEvents               // the events that both take (RFC 4733 §2.4.1)
	AnswerNo                   // what one side declines is off (RFC 4856 §2.1.9)
	AnswerLonger               // the longer frame wins (RFC 3952 §5)
)

// Loss is the impairment by a codec (ITU-T G.113 Appendix I): Ie without loss, and Bpl,
// its robustness against loss at a receiver with concealment.
type Loss struct{ Ie, Bpl float64 }

// Of returns a format by any spelling of its name, or nil.
func Of(name string) *Format {
	if name == "" {
		return nil
	}
	if f := usual[place(name)]; f != nil && f.Name == name {
		return f // early, because a call asks some hundred times
	}
	for i := range formats {
		if n := formats[i].Name; len(n) == len(name) && strings.EqualFold(n, name) {
			return &formats[i]
		}
	}
	return byAlias[strings.ToUpper(name)]
}

// Static returns the format that RFC 3551 assigns to a payload number, with clock and
// channels; nil when there is none.
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
