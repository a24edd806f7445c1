package policy

import "time"

// Verdict is what became of a rule that was looked at.
type Verdict string

// The verdicts.
const (
	Decides   Verdict = "decides"
	Overruled Verdict = "overruled" // it fits, but one before it decides
	Misses    Verdict = "does not fit"
	Expired   Verdict = "expired"
)

// Step is a rule that was looked at.
type Step struct {
	Rule    Rule
	Verdict Verdict
}

// Explain answers a question as May does, and shows every rule that was looked
// at or would have been, in the order in which they count.
func (e *Engine) Explain(who Subject, what Question) (Decision, []Step) {
	t, now := e.table.Load(), time.Now()
	decided := t.decide(&who, &what, now)
	rules := t.actions[what.Action]
	if rules == nil {
		return decision(nil, &what), nil
	}
	var steps []Step
	if r := rules.always[what.Kind]; r != nil {
		steps = append(steps, Step{*r, Decides})
	}
	for _, t := range rules.order(&who) {
		for _, r := range t.rules() {
			steps = append(steps, Step{*r, r.verdict(&what, decided, now)})
		}
	}
	return decision(decided, &what), steps
}

func (r *Rule) verdict(q *Question, decided *Rule, now time.Time) Verdict {
	switch {
	case r == decided:
		return Decides
	case !r.fits(q):
		return Misses
	case r.expired(now):
		return Expired
	}
	return Overruled
}
