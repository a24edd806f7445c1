package dialplan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tandem/rtc/label"
)

// Rule says what becomes of what is dialled.
type Rule struct {
	Name     string `json:"name"`
	Note     string `json:"note,omitempty"`     // for people
	Site     string `json:"site,omitempty"`     // where it counts; "" = everywhere
	Priority int    `json:"priority,omitempty"` // the lowest first; of equals those of the site, then the one that says most exactly
	// Match is what is dialled: digits, * and #, + at the front; x stands for any
	// digit, and a dot at the end for one or more of anything.
	Match   string `json:"match"`
	Strip   int    `json:"strip,omitempty"`   // characters that leave the front
	Prepend string `json:"prepend,omitempty"` // put there then
	Route   Route  `json:"route"`

	site string // as it is compared
}

// Route is where a call goes.
type Route struct {
	Kind Kind   `json:"kind,omitempty"`
	To   string `json:"to,omitempty"` // the user, trunk or group; the text of a refusal
}

// Kind of a route.
type Kind string

// The kinds. The zero value is Number.
const (
	Number Kind = "number" // what is made of it is called as a number, by the trunks for it
	User   Kind = "user"   // a user of this server
	Trunk  Kind = "trunk"  // as a number, by one trunk
	Group  Kind = "group"  // as a number, by the trunks of a group
	Refuse Kind = "refuse" // nowhere
)

// ParseRoute reads "number", "user alice", "trunk berlin", "group pstn" and "refuse
// not from here".
func ParseRoute(text string) (Route, error) {
	kind, to, _ := strings.Cut(strings.TrimSpace(text), " ")
	r := Route{Kind(cmp.Or(kind, string(Number))), strings.TrimSpace(to)}
	return r, r.check()
}

func (r Route) String() string { return strings.TrimSpace(string(r.Kind) + " " + r.To) }

func (r Route) check() error {
	switch {
	case !slices.Contains([]Kind{Number, User, Trunk, Group, Refuse}, r.Kind):
		return invalid("route %q: use number, user NAME, trunk NAME, group NAME or refuse TEXT", r)
	case r.Kind == Number && r.To != "":
		return invalid("route number has nothing behind it; use prepend to change the number")
	case r.To == "" && r.Kind != Number && r.Kind != Refuse:
		return invalid("route %s needs a name", r.Kind)
	case !word(r.To):
		return invalid("route: at most 256 octets without control characters")
	}
	return nil
}

// Errors of changes. What is returned wraps one of them and names the remedy.
var (
	ErrExists  = errors.New("the name is taken")
	ErrUnknown = errors.New("no such rule")
	ErrInvalid = errors.New("not allowed")
	ErrTooMany = errors.New("too many")
)

// MaxRules is how many rules there may be.
const MaxRules = 10000

const maxText = 32 // of a pattern and of what is put in front

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

func word(s string) bool { return len(s) <= 256 && !strings.ContainsFunc(s, unicode.IsControl) }

// normalise checks a rule and brings it into the one form it is compared in.
func (r *Rule) normalise() error {
	r.Match, r.Prepend, r.site = strings.ToLower(compact(r.Match)), compact(r.Prepend), label.Fold(r.Site)
	r.Route.Kind = cmp.Or(r.Route.Kind, Number)
	body := strings.TrimSuffix(strings.TrimPrefix(r.Match, "+"), ".")
	switch {
	case r.Name == "" || len(r.Name) > 64 || strings.Trim(r.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		return invalid("name %q: it has 1 to 64 of the characters a-z 0-9 - _ and .", r.Name)
	case !word(r.Note) || !word(r.Site):
		return invalid("note and site: at most 256 octets without control characters")
	case r.Priority < 0 || r.Priority > 65535:
		return invalid("priority %d: it is 0 to 65535, the lowest first", r.Priority)
	case r.Match == "" || r.Match == "+" || len(r.Match) > maxText || strings.Trim(body, "0123456789*#x") != "":
		return invalid("match %q: write digits, * and #, + in front, x for any digit, a dot at the end for any more: 9xxx, 00., *97", r.Match)
	case r.Strip < 0 || r.Strip > maxText:
		return invalid("strip %d: it is how many characters leave the front, 0 to %d", r.Strip, maxText)
	case len(r.Prepend) > maxText || strings.Trim(strings.TrimPrefix(r.Prepend, "+"), "0123456789*#") != "":
		return invalid("prepend %q: write digits, * and #, + in front", r.Prepend)
	}
	return r.Route.check()
}

// compact drops visual separators (RFC 3966 §5.1.1) and blanks.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -()/", r) {
			return -1
		}
		return r
	}, s)
}

// fits reports whether the rule is about what is dialled.
func (r *Rule) fits(dialled string) bool {
	pattern, more := strings.CutSuffix(r.Match, ".")
	if len(dialled) < len(pattern) || more && len(dialled) == len(pattern) || !more && len(dialled) > len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if c := dialled[i]; pattern[i] != c && (pattern[i] != 'x' || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// apply is what is dialled as the rule changes it.
func (r *Rule) apply(dialled string) string {
	return r.Prepend + dialled[min(r.Strip, len(dialled)):]
}

// exact is how exactly the rule says what it is about: characters that stand for
// themselves count most, then those that stand for a digit.
func (r *Rule) exact() int {
	n := 0
	for _, c := range r.Match {
		switch c {
		case 'x':
			n += 2
		case '.':
			n--
		default:
			n += 3
		}
	}
	return n
}

// compareRules is the order in which rules are tried.
func compareRules(a, b *Rule) int {
	return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(bit(a.site == ""), bit(b.site == "")),
		cmp.Compare(b.exact(), a.exact()), strings.Compare(a.Name, b.Name))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
