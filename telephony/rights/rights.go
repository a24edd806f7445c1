// Package rights says in the words of rtc/policy which numbers may be called: it
// declares the action "call" with its kinds and what holds out of the box, and
// makes the question about one number.
//
// It is the seam between policy, which knows no numbers, and package number,
// which knows no rights.
package rights

import (
	"fmt"
	"strings"

	"tandem/rtc/policy"
	"tandem/telephony/number"
)

// Call is the name of the action.
const Call = "call"

// Unassigned is the kind of numbers that mean something at a site only, of which
// no user has one and that are no service of the country. The exchange behind a
// trunk may have them; out of the box they are refused, because without a
// country ("numbers.country") expensive numbers look like them.
const Unassigned = "unassigned"

// Recorded and RecordOwn are the questions about recordings of a user's calls.
var (
	Recorded  = policy.Question{Action: "record", Kind: "always"}
	RecordOwn = policy.Question{Action: "record", Kind: "own"}
)

// Recordings is the action of recording calls, for policy.New.
func Recordings() policy.Action {
	return policy.Action{Name: "record", About: "record calls", Kinds: []policy.Kind{
		{Name: "own", About: "the own ones, by *1 or a button of the phone"},
		{Name: "always", About: "all calls of the user are recorded, whatever he does"},
	}}
}

// Announced is the question whether a user hears in words why a call failed.
var Announced = policy.Question{Action: "announce", Kind: "failure"}

// Announcements is the action of hearing them, for policy.New.
func Announcements() policy.Action {
	return policy.Action{Name: "announce", About: "hear announcements", Kinds: []policy.Kind{
		{Name: "failure", About: "why a call failed, where there is a file for it", Allow: true},
	}}
}

// kind is what holds for a class out of the box: what people call every day is
// allowed. The rest costs money, and is what fraudsters call.
func kind(class number.Class) policy.Kind {
	switch class {
	case number.ClassInternal:
		return policy.Kind{About: "extensions and users", Allow: true}
	case number.ClassEmergency:
		return policy.Kind{About: "112, 911 and those of the country", Always: true}
	case number.ClassNational:
		return policy.Kind{About: "ordinary numbers of the own country", Allow: true}
	case number.ClassMobile:
		return policy.Kind{About: "mobile numbers of the own country", Allow: true}
	case number.ClassTollFree:
		return policy.Kind{About: "numbers that cost nothing", Allow: true}
	case number.ClassInternational:
		return policy.Kind{About: "other countries"}
	case number.ClassPremium:
		return policy.Kind{About: "numbers charged at will, here and abroad"}
	case number.ClassSatellite:
		return policy.Kind{About: "satellite telephones"}
	case number.ClassSharedCost:
		return policy.Kind{About: "numbers at shared cost"}
	}
	return policy.Kind{}
}

// Calls is the action, for policy.New.
func Calls() policy.Action {
	a := policy.Action{Name: Call, About: "call a telephone number"}
	for _, class := range number.Classes() {
		k := kind(class)
		k.Name = class.String()
		a.Kinds = append(a.Kinds, k)
	}
	a.Kinds = append(a.Kinds, policy.Kind{Name: Unassigned, About: "short numbers that no user has"})
	return a
}

// Question is whether a number may be called that no user here has, as seen from
// the site of a plan.
func Question(p *number.Plan, n number.Number) policy.Question {
	q := policy.Question{Action: Call, Kind: p.Class(n).String(), Object: n.String()}
	if q.Kind == number.ClassInternal.String() {
		q.Kind = Unassigned
	}
	return q
}

// Inside is whether somebody of the house may be called, by extension, or "" for one who
// has none. A telephone number that he has as well is no object of it: rules about the
// beginnings of numbers are about calls outside.
func Inside(extension string) policy.Question {
	return policy.Question{Action: Call, Kind: number.ClassInternal.String(), Object: extension}
}

// Object is what a rule is about, as people write it: a number ("030 1234567"),
// or the beginning of numbers ("+44 20*"). The error says how to write it.
func Object(p *number.Plan, text string) (string, error) {
	begin, many := strings.CutSuffix(text, "*")
	if !many {
		n, err := p.Parse(text)
		if err != nil {
			return "", fmt.Errorf("%q: %w; write a number, a beginning and * (+4420*), one of the kinds, or any", text, err)
		}
		return n.String(), nil
	}
	begin = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, begin)
	digits := strings.TrimPrefix(begin, "+")
	if len(begin) > 20 || begin == "" || strings.Trim(digits, "0123456789") != "" {
		return "", fmt.Errorf("%q is not the beginning of a number; write it as +4420*", text)
	}
	if begin[0] == '0' {
		return "", fmt.Errorf("%q begins as numbers are dialled; write it with + and the country's code, +4420*", text)
	}
	return begin + "*", nil
}
