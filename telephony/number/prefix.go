package number

import (
	"bytes"
	"fmt"
	"regexp/syntax"
	"strings"
)

// prefixRule is what a country has dialled before national numbers, where that is more
// than a few digits that leave the front: a carrier is named, as in Brazil, parts change
// places, as in Argentina (0 11 15 2345 6789 is 9 11 2345 6789), or the numbers of the
// own island leave out its code.
type prefixRule struct {
	prog   *syntax.Prog
	groups int    // of the pattern
	made   string // of what matches, when the last group is in it: "9$1"; "" leaves nothing of it
}

// maxGroups is how many groups a pattern may have. A test looks at all there are.
const maxGroups = 2

// groups are where the groups of a match begin and end, -1 for those that have no part
// in it; the first is the match itself.
type groups [2 * (1 + maxGroups)]int

// newPrefixRule makes the rule of a pattern with groups. made may name them: "$1".
func newPrefixRule(text, made string) (*prefixRule, error) {
	re, err := syntax.Parse("("+text+")", syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	r := &prefixRule{groups: re.MaxCap() - 1, made: made}
	if r.groups > maxGroups {
		return nil, fmt.Errorf("pattern %q has more than %d groups", text, maxGroups)
	}
	if r.prog, err = syntax.Compile(re.Simplify()); err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	return r, nil
}

// append appends what the rule makes of digits. It is false when they do not begin as
// the pattern wants.
func (r *prefixRule) append(dst, digits []byte) ([]byte, bool) {
	at := groups{-1, -1, -1, -1, -1, -1}
	if !r.match(uint32(r.prog.Start), digits, 0, &at) {
		return dst, false
	}
	if r.made != "" && at[2*r.groups] >= 0 {
		made := r.made
		for {
			before, after, found := strings.Cut(made, "$")
			dst = append(dst, before...)
			if !found {
				break
			}
			n := 2 * int(after[0]-'0') // the patterns have fewer than ten groups
			dst = append(dst, digits[at[n]:at[n+1]]...)
			made = after[1:]
		}
	}
	return append(dst, digits[at[1]:]...), true
}

// match runs the program from pc on digits from i, the first alternative first, as
// package regexp does. That would allocate; and the digits are few.
func (r *prefixRule) match(pc uint32, digits []byte, i int, at *groups) bool {
	for {
		switch inst := &r.prog.Inst[pc]; inst.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			if r.match(inst.Out, digits, i, at) {
				return true
			}
			pc = inst.Arg
		case syntax.InstCapture:
			before := at[inst.Arg-2]
			at[inst.Arg-2] = i
			if r.match(inst.Out, digits, i, at) {
				return true
			}
			at[inst.Arg-2] = before
			return false
		case syntax.InstNop:
			pc = inst.Out
		case syntax.InstEmptyWidth: // the patterns have '$' alone
			if i < len(digits) {
				return false
			}
			pc = inst.Out
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if i == len(digits) || !inst.MatchRune(rune(digits[i])) {
				return false
			}
			i++
			pc = inst.Out
		default: // InstFail
			return false
		}
	}
}

// within reads what is dialled within the country, into dst or as a part of dialled:
// its national number, if that is in use.
func (w *World) within(c *country, dst, dialled []byte) ([]byte, bool) {
	code := c.home.codeOf()
	if c.prefix != nil {
		if n, ok := c.prefix.append(dst, dialled); ok && w.inUse(code, n) {
			return n, true
		}
	}
	n, prefixed := bytes.CutPrefix(dialled, c.national)
	if len(c.national) > 0 && prefixed && w.inUse(code, n) {
		return n, true
	}
	// Nothing need be dialled before it, or what it begins with only looks like that.
	return dialled, (prefixed || string(c.national) != "0") && w.inUse(code, dialled)
}
