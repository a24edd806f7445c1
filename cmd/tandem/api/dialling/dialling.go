// Package dialling is the operations on what becomes of numbers that are dialled:
// the dial plan, and the limits of calls outside.
package dialling

import (
	"context"
	"net/http"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc"
	"tandem/telephony/dialplan"
	"tandem/telephony/guard"
	"tandem/telephony/routing"
)

// Rooms are what the operations act on.
type Rooms struct {
	Rules    *dialplan.Rules
	Guard    *guard.Guard
	Explain  func(user rtc.AOR, dialled string) ([]routing.Step, error) // nil when no server runs
	ParseAOR func(text string) (rtc.AOR, error)
	Running  func() error // nil while a server runs
}

type nouns struct{ Rooms }

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	read, write := access.Read("policy"), access.Write("policy")
	op.Read(set, op.Op{Path: "/dialplan/rules", ID: "list-dialplan", Short: "List the rules of the dial plan, in the order they are tried", Scope: read}, n.list)
	op.Read(set, op.Op{Path: "/dialplan/explain", ID: "explain-number", Short: "Say what becomes of a number that a user dials",
		Long: "It is the code that routes calls; nothing is called.", Scope: read, Needs: rooms.Running}, n.explain)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/dialplan/rules", ID: "add-dialplan-rule", Short: "Make a rule of the dial plan",
		Scope: write, Status: http.StatusCreated, Event: "dialplan.added"}, n.add)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/dialplan/rules/{rule}", ID: "remove-dialplan-rule",
		Short: "Remove a rule of the dial plan", Scope: write, Event: "dialplan.removed"}, n.remove)
	n.registerLimits(set)
}

// DialRule is a rule of the dial plan.
type DialRule struct {
	Name     string `json:"name" yaml:"name" example:"mail"`
	Note     string `json:"note,omitempty" yaml:"note,omitempty" doc:"For people"`
	Site     string `json:"site,omitempty" yaml:"site,omitempty" doc:"Where it counts; empty: everywhere"`
	Priority int    `json:"priority,omitempty" yaml:"priority,omitempty" doc:"The lowest first; of equals those of the site, then the one that says most exactly"`
	Match    string `json:"match" yaml:"match" doc:"Digits, * and #, + in front; x is any digit, a dot at the end any more" example:"*97"`
	Strip    int    `json:"strip,omitempty" yaml:"strip,omitempty" doc:"Characters that leave the front"`
	Prepend  string `json:"prepend,omitempty" yaml:"prepend,omitempty" doc:"Put there then"`
	Route    string `json:"route,omitempty" yaml:"route,omitempty" doc:"number, user NAME, trunk NAME, group NAME or refuse TEXT" example:"user mail"`
}

func shownRule(r *dialplan.Rule) DialRule {
	return DialRule{r.Name, r.Note, r.Site, r.Priority, r.Match, r.Strip, r.Prepend, r.Route.String()}
}

func (n *nouns) list(_ context.Context, in *struct{ op.Paging }) (op.Page[DialRule], error) {
	list := []DialRule{}
	for _, r := range n.Rules.All() {
		list = append(list, shownRule(r))
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) add(ctx context.Context, do *op.Doing, in *struct{ Body DialRule }) (DialRule, error) {
	b := in.Body
	route, err := dialplan.ParseRoute(b.Route)
	if err != nil {
		return DialRule{}, err
	}
	if err := do.Begin(ctx, op.Resource("dialplan", "rules", b.Name), nil); err != nil {
		return DialRule{}, err
	}
	rule := dialplan.Rule{Name: b.Name, Note: b.Note, Site: b.Site, Priority: b.Priority, Match: b.Match, Strip: b.Strip, Prepend: b.Prepend, Route: route}
	if err := n.Rules.Add(ctx, rule); err != nil {
		return DialRule{}, err
	}
	out := b
	if r := n.Rules.Rule(b.Name); r != nil {
		out = shownRule(r)
	}
	do.After = out
	return out, nil
}

func (n *nouns) remove(ctx context.Context, do *op.Doing, in *struct {
	Rule string `path:"rule"`
}) (out DialRule, err error) {
	if r := n.Rules.Rule(in.Rule); r != nil {
		out = shownRule(r)
	}
	if err := do.Begin(ctx, op.Resource("dialplan", "rules", in.Rule), func() (any, error) { return out, nil }); err != nil {
		return out, err
	}
	return out, n.Rules.Remove(ctx, in.Rule)
}

// DialAnswer is what becomes of a number.
type DialAnswer struct {
	User    string     `json:"user" yaml:"user"`
	Dialled string     `json:"dialled" yaml:"dialled"`
	Steps   []DialStep `json:"steps" yaml:"steps" nullable:"false" doc:"What was looked at, in order"`
}

// DialStep is one thing that was looked at.
type DialStep struct {
	What    string `json:"what" yaml:"what" enum:"code,rule,number,user,group,phone,forward,policy,enum,trunk,end"`
	Name    string `json:"name" yaml:"name"`
	Verdict string `json:"verdict" yaml:"verdict"`
}

func (n *nouns) explain(_ context.Context, in *struct {
	User   string `query:"user" required:"true" doc:"Who dials"`
	Number string `query:"number" required:"true" doc:"As it is dialled"`
}) (out DialAnswer, err error) {
	aor, err := n.ParseAOR(in.User)
	if err != nil {
		return out, err
	}
	list, err := n.Explain(aor, in.Number)
	out = DialAnswer{User: string(aor), Dialled: in.Number, Steps: []DialStep{}}
	for _, s := range list {
		out.Steps = append(out.Steps, DialStep(s))
	}
	return out, err
}
