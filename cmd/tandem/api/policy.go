package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/label"
	"tandem/rtc/policy"
	"tandem/telephony/number"
	"tandem/telephony/rights"
)

// PolicyRule allows or refuses something to somebody.
type PolicyRule struct {
	PolicyKey
	Allow   bool      `json:"allow" yaml:"allow"`
	Final   bool      `json:"final,omitempty" yaml:"final,omitempty" doc:"No rule of a lower level makes an exception"`
	Expires time.Time `json:"expires,omitzero" yaml:"expires,omitempty" doc:"The rule does not count from then on"`
	Reason  string    `json:"reason,omitempty" yaml:"reason,omitempty" doc:"Told to those who are refused"`
	Changed time.Time `json:"changed,omitzero" yaml:"changed,omitempty" readOnly:"true"`
	Author  string    `json:"author,omitempty" yaml:"author,omitempty" readOnly:"true" doc:"Who set it"`
	Note    string    `json:"note,omitempty" yaml:"note,omitempty" readOnly:"true" doc:"Why it has no effect yet, when it was set"`
}

// PolicyKey tells rules apart: a scope has one rule for a target.
type PolicyKey struct {
	Level  string `json:"level" yaml:"level" query:"level" enum:"user,group,site,default,built-in" doc:"Whom it is for; built-in rules cannot be set"`
	Name   string `json:"name,omitempty" yaml:"name,omitempty" query:"name" doc:"Of the user, group or site; none for the default"`
	Action string `json:"action" yaml:"action" query:"action" doc:"What is done" example:"call"`
	Target string `json:"target" yaml:"target" query:"target" doc:"A kind (international), a number, the beginning of numbers (+4420*), or any" example:"international"`
}

func (k PolicyKey) resource() string {
	if k.Name == "" {
		return op.Resource("policy", "rules", k.Level, k.Action, k.Target)
	}
	return op.Resource("policy", "rules", k.Level, k.Name, k.Action, k.Target)
}

func (a *API) registerPolicy() {
	read, write := access.Read("policy"), access.Write("policy")
	op.Read(a.set, op.Op{Path: "/policy/rules", ID: "list-policy-rules", Short: "List the rules of policy, and what holds without any", Scope: read}, a.listPolicy)
	op.Read(a.set, op.Op{Path: "/policy/explanation", ID: "explain-policy", Short: "Tell whether somebody may do something, and every rule that was looked at", Scope: read}, a.explainPolicy)
	op.Change(a.set, op.Op{Method: http.MethodPut, Path: "/policy/rules", ID: "set-policy-rule", Short: "Set a rule of policy",
		Long: "Takes the place of the rule of the same level, name, action and target. Counts for the next question.", Scope: write, Event: "policy.set"}, a.setPolicy)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/policy/rules", ID: "unset-policy-rule", Short: "Unset a rule of policy",
		Long: "What it was about is inherited again.", Scope: write, Event: "policy.unset"}, a.unsetPolicy)
}

func shownRule(r policy.Rule) PolicyRule {
	return PolicyRule{PolicyKey: PolicyKey{string(r.Level), r.Name, r.Action, r.Target()},
		Allow: r.Allow, Final: r.Final, Expires: r.Expires, Reason: r.Reason, Changed: r.Changed, Author: r.Author}
}

func (a *API) listPolicy(_ context.Context, in *struct {
	op.Paging
	Level string `query:"level" doc:"Only those of this level"`
	Name  string `query:"name" doc:"Only those of this user, group or site"`
}) (op.Page[PolicyRule], error) {
	name := in.Name
	if in.Level == string(policy.User) && name != "" {
		aor, err := a.Directory.ParseAOR(name)
		if err != nil {
			return op.Page[PolicyRule]{}, err
		}
		name = string(aor)
	}
	var list []PolicyRule
	for _, r := range append(a.Policy.Rules(), a.Policy.BuiltIn()...) {
		if (in.Level == "" || in.Level == string(r.Level)) && (name == "" || label.Same(name, r.Name)) {
			list = append(list, shownRule(r))
		}
	}
	return op.InOrder(in.Paging, list)
}

// policyKey reads a key as people write it.
func (a *API) policyKey(in PolicyKey) (policy.Key, error) {
	k := policy.Key{Level: policy.Level(in.Level), Name: in.Name, Action: in.Action}
	if k.Level == policy.User && in.Name != "" {
		aor, err := a.Directory.ParseAOR(in.Name)
		if err != nil {
			return k, err
		}
		k.Name = string(aor)
	}
	action, err := a.Policy.Action(in.Action)
	if err != nil {
		return k, err
	}
	switch {
	case in.Target == "any":
	case action.HasKind(in.Target):
		k.Kind = in.Target
	case in.Target == "":
		return k, problem.Invalid("invalid", "the rule has no target", "name a kind, a number, the beginning of numbers and *, or any")
	default:
		if k.Object, err = a.object(in.Action, in.Target); err != nil {
			return k, err
		}
	}
	return k, nil
}

// object reads what an action is done to, as people write it.
func (a *API) object(action, text string) (string, error) {
	if action != rights.Call {
		if aor, err := a.Directory.Named(text); err == nil { // a user by any of the addresses
			return string(aor), nil
		}
		return text, nil
	}
	object, err := rights.Object(a.Numbers(""), text)
	if err != nil {
		return "", problem.Invalid("invalid", err.Error(), "")
	}
	return object, nil
}

func (a *API) rule(k policy.Key) (any, error) {
	if r, ok := a.Policy.Rule(k); ok {
		return shownRule(r), nil
	}
	return nil, nil
}

func (a *API) setPolicy(ctx context.Context, do *op.Doing, in *struct{ Body PolicyRule }) (PolicyRule, error) {
	k, err := a.policyKey(in.Body.PolicyKey)
	if err != nil {
		return PolicyRule{}, err
	}
	r := policy.Rule{Key: k, Allow: in.Body.Allow, Final: in.Body.Final, Expires: in.Body.Expires, Reason: in.Body.Reason,
		Changed: time.Now(), Author: access.Of(ctx).Name}
	if k.Level == policy.User {
		if _, err := a.user(rtc.AOR(k.Name)); err != nil {
			return PolicyRule{}, err
		}
	}
	if err := do.Begin(ctx, shownRule(r).resource(), func() (any, error) { return a.rule(k) }); err != nil {
		return PolicyRule{}, err
	}
	if err := a.Policy.Set(ctx, r); err != nil {
		return PolicyRule{}, err
	}
	out := shownRule(r)
	do.After = out
	if r.Allow && r.Action == rights.Recorded.Action && a.Exchange != nil && !a.Exchange.Records() {
		out.Note = "nothing is recorded until telephony.recordings is set"
	}
	return out, nil
}

func (a *API) unsetPolicy(ctx context.Context, do *op.Doing, in *PolicyKey) (PolicyRule, error) {
	k, err := a.policyKey(*in)
	if err != nil {
		return PolicyRule{}, err
	}
	gone, _ := a.Policy.Rule(k)
	if err := do.Begin(ctx, shownRule(policy.Rule{Key: k}).resource(), func() (any, error) { return a.rule(k) }); err != nil {
		return PolicyRule{}, err
	}
	return shownRule(gone), a.Policy.Unset(ctx, k)
}

// PolicyAnswer is whether somebody may do something, and why.
type PolicyAnswer struct {
	User    string       `json:"user,omitempty" yaml:"user,omitempty"`
	Action  string       `json:"action" yaml:"action"`
	Object  string       `json:"object" yaml:"object" doc:"As it is compared"`
	Kind    string       `json:"kind" yaml:"kind" doc:"What kind of object it is"`
	Allowed bool         `json:"allowed" yaml:"allowed"`
	Reason  string       `json:"reason" yaml:"reason" doc:"What decided"`
	Steps   []PolicyStep `json:"steps" yaml:"steps" nullable:"false" doc:"The rules in the order in which they count"`
}

// inside reports whether somebody of the house has an extension or a number.
func (a *API) inside(site, extension, number string) bool {
	if _, ok := a.Directory.ByExtension(site, extension); ok {
		return true
	}
	_, ok := a.Directory.Resolve(rtc.AOR("tel:" + number))
	return ok || a.Groups.Number(number) != nil
}

// message is the question that a message raises, of which an administrator names the
// receiver, or a kind.
func (a *API) message(sender rtc.AOR, q policy.Question) policy.Question {
	if action, err := a.Policy.Action(q.Action); err == nil && action.HasKind(q.Object) {
		q.Kind = q.Object
		return q
	}
	to, err := a.Directory.Named(q.Object)
	if err != nil {
		return q
	}
	q.Object = string(to)
	switch {
	case a.Knows == nil: // who is whose contact is known while a server runs
	case a.Knows(to, sender):
		q.Kind = "contact"
	default:
		q.Kind = "stranger"
	}
	return q
}

// PolicyStep is a rule that was looked at.
type PolicyStep struct {
	Rule    PolicyRule `json:"rule" yaml:"rule"`
	Verdict string     `json:"verdict" yaml:"verdict" enum:"decides,overruled,does not fit,expired"`
}

func (a *API) explainPolicy(_ context.Context, in *struct {
	User   string `query:"user" doc:"Who; absent: somebody of no user, group or site"`
	Action string `query:"action" default:"call"`
	Object string `query:"object" required:"true" doc:"To what: a number as it is dialled; of a message: its receiver"`
}) (out PolicyAnswer, err error) {
	var who policy.Subject
	if in.User != "" {
		aor, err := a.Directory.ParseAOR(in.User)
		if err != nil {
			return out, err
		}
		u, err := a.Directory.Get(aor)
		if err != nil {
			return out, err
		}
		who = policy.Subject{User: u.AOR, Groups: u.Groups, Site: u.Site}
	}
	what := policy.Question{Action: cmp.Or(in.Action, rights.Call), Object: in.Object}
	if what.Action == rights.Call {
		plan := a.Numbers(who.Site)
		n, err := plan.Parse(in.Object)
		if err != nil {
			return out, problem.Invalid("invalid", in.Object+": "+err.Error(), "write the number as it is dialled")
		}
		if what = rights.Question(plan, n); what.Kind != number.ClassEmergency.String() && a.inside(who.Site, in.Object, n.String()) {
			what = rights.Inside(n.String())
		}
	}
	if what.Action == "message" {
		what = a.message(who.User, what)
	}
	d, steps := a.Policy.Explain(who, what)
	out = PolicyAnswer{User: string(who.User), Action: what.Action, Object: what.Object, Kind: what.Kind, Allowed: d.Allowed, Reason: d.Reason,
		Steps: []PolicyStep{}}
	for _, s := range steps {
		out.Steps = append(out.Steps, PolicyStep{shownRule(s.Rule), string(s.Verdict)})
	}
	return out, nil
}
