package policy

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"tandem/rtc/label"
	"tandem/rtc/prefix"
)

// table is all rules at one moment, compiled. It never changes.
type table struct {
	rules   []Rule // by key
	actions map[string]*actionRules
}

// actionRules are those about one action.
type actionRules struct {
	always  map[string]*Rule // by kind: what the Action always allows
	finals  scopes
	usual   scopes
	builtIn set
}

// scopes are sets by whom they are for; groups and sites by their label.Fold.
type scopes struct {
	users, groups, sites map[string]*set
	everybody            set
}

func (s *scopes) of(k Key) *set {
	m, name := (*map[string]*set)(nil), label.Fold(k.Name)
	switch k.Level {
	case User:
		m, name = &s.users, k.Name
	case Group:
		m = &s.groups
	case Site:
		m = &s.sites
	default:
		return &s.everybody
	}
	if *m == nil {
		*m = make(map[string]*set)
	}
	if (*m)[name] == nil {
		(*m)[name] = new(set)
	}
	return (*m)[name]
}

// named is the set of a group or site, nil for none.
func named(sets map[string]*set, name string) *set {
	if len(sets) == 0 {
		return nil
	}
	var room [64]byte
	return sets[string(label.Append(room[:0], name))]
}

// set is the rules of one scope.
type set struct {
	rules   []*Rule // all of them
	exact   map[string]*Rule
	objects prefix.Table[*Rule]
	kinds   map[string]*Rule
	any     *Rule
}

// compile makes a table of checked rules, which must be in the order of their keys.
func compile(actions map[string]*Action, list []Rule) *table {
	t := &table{rules: list, actions: make(map[string]*actionRules, len(actions))}
	for _, a := range actions {
		r := &actionRules{always: make(map[string]*Rule)}
		for _, b := range a.builtIn() {
			if b.Final {
				r.always[b.Kind] = b
			} else {
				r.builtIn.add(b)
			}
		}
		t.actions[a.Name] = r
	}
	// Rules of before may spell one site or group in two ways: of those the one that
	// refuses counts, which is put in last.
	inOrder := make([]*Rule, 0, len(list))
	for i := range list {
		inOrder = append(inOrder, &list[i])
	}
	slices.SortStableFunc(inOrder, func(a, b *Rule) int { return cmp.Compare(bit(b.Allow), bit(a.Allow)) })
	for _, r := range inOrder {
		r.spell()
		scopes := &t.actions[r.Action].usual
		if r.Final {
			scopes = &t.actions[r.Action].finals
		}
		scopes.of(r.Key).add(r)
	}
	return t
}

func (s *set) add(r *Rule) {
	s.rules = append(s.rules, r)
	switch begin, ok := strings.CutSuffix(r.Object, "*"); {
	case ok:
		s.objects.Put(begin, r)
	case r.Object != "":
		put(&s.exact, r.Object, r)
	case r.Kind != "":
		put(&s.kinds, r.Kind, r)
	default:
		s.any = r
	}
}

func put(m *map[string]*Rule, key string, r *Rule) {
	if *m == nil {
		*m = make(map[string]*Rule)
	}
	(*m)[key] = r
}

// find returns the rule of the set that counts for a question, nil when none does.
func (s *set) find(q *Question, now time.Time) *Rule {
	if s == nil || len(s.rules) == 0 {
		return nil
	}
	if r := s.exact[q.Object]; r != nil && !r.expired(now) {
		return r
	}
	for r, n, ok := s.objects.Longest(q.Object, len(q.Object)+1); ok; r, n, ok = s.objects.Longest(q.Object, n) {
		if !r.expired(now) {
			return r
		}
	}
	if r := s.kinds[q.Kind]; r != nil && !r.expired(now) {
		return r
	}
	if s.any != nil && !s.any.expired(now) {
		return s.any
	}
	return nil
}

// tier is the sets of one level that count for a subject.
type tier struct {
	one    *set            // of the user, the site or everybody
	sets   map[string]*set // of groups, by name
	groups []string        // the subject is in
}

// order is the tiers that count for a subject, the first one first.
func (r *actionRules) order(who *Subject) [8]tier {
	return [...]tier{
		{one: &r.finals.everybody},
		{one: named(r.finals.sites, who.Site)},
		{sets: r.finals.groups, groups: who.Groups},
		{one: r.usual.users[string(who.User)]},
		{sets: r.usual.groups, groups: who.Groups},
		{one: named(r.usual.sites, who.Site)},
		{one: &r.usual.everybody},
		{one: &r.builtIn},
	}
}

// find returns the rule of the tier that counts. Of several groups it is the one
// that names the object most exactly; of equals, one that refuses.
func (t *tier) find(q *Question, now time.Time) *Rule {
	best := t.one.find(q, now)
	for _, g := range t.groups {
		if r := named(t.sets, g).find(q, now); r != nil && (best == nil || compareRanks(r, best) < 0) {
			best = r
		}
	}
	return best
}

// rules are all of the tier, the ones that count first first.
func (t *tier) rules() (list []*Rule) {
	sets := []*set{t.one}
	for _, g := range t.groups {
		sets = append(sets, named(t.sets, g))
	}
	for _, s := range sets {
		if s != nil {
			list = append(list, s.rules...)
		}
	}
	slices.SortStableFunc(list, compareRanks)
	return list
}

// decide returns the rule that counts, nil for an action nobody declared.
func (t *table) decide(who *Subject, q *Question, now time.Time) *Rule {
	rules := t.actions[q.Action]
	if rules == nil {
		return nil
	}
	if r := rules.always[q.Kind]; r != nil {
		return r
	}
	tiers := rules.order(who)
	for i := range tiers {
		if r := tiers[i].find(q, now); r != nil {
			return r
		}
	}
	return nil
}

// compareRanks orders rules of one level: the more exact one first, of equals one
// that refuses.
func compareRanks(a, b *Rule) int {
	return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(bit(a.Allow), bit(b.Allow)))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rank is how exactly the rule names its object.
func (r *Rule) rank() int {
	switch {
	case strings.HasSuffix(r.Object, "*"):
		return 1 + len(r.Object)
	case r.Object != "":
		return math.MaxInt
	case r.Kind != "":
		return 1
	}
	return 0
}

// fits reports whether the rule is about the object of a question.
func (r *Rule) fits(q *Question) bool {
	begin, many := strings.CutSuffix(r.Object, "*")
	switch {
	case many:
		return strings.HasPrefix(q.Object, begin)
	case r.Object != "":
		return r.Object == q.Object
	}
	return r.Kind == "" || r.Kind == q.Kind
}
