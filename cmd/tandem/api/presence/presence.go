// Package presence is the operations on what is known of users, on what they let
// others know, and on subscriptions. It decides nothing: each operation is a call
// of rtc/presence, rtc/policy/consent or rtc/event.
package presence

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/event"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence"
	"tandem/rtc/presence/pidf"
)

// Rooms are what the operations act on.
type Rooms struct {
	Directory *directory.Directory
	Agent     *presence.Agent
	Consent   *consent.Book
	Notifier  *event.Notifier
	Group     func(rtc.AOR) bool // reports whether a ring group has an address: it has rules as users have
	// Tell publishes an event: its type, what it is about, who may see it, and how
	// to make its data when somebody reads it.
	Tell    func(kind, resource string, scope access.Scope, data func() any)
	Running func() error
}

// Forget ends what is kept of a user who is no more.
func (r *Rooms) Forget(ctx context.Context, user rtc.AOR) error {
	var errs []error
	if r.Consent != nil {
		errs = append(errs, r.Consent.Forget(ctx, user))
	}
	if r.Agent != nil {
		errs = append(errs, r.Agent.Forget(ctx, user))
	}
	return errors.Join(errs...)
}

type nouns struct{ Rooms }

// Register adds the operations on r to set.
func Register(set *op.Set, r Rooms) {
	n := &nouns{r}
	read, write := access.Read("presence"), access.Write("presence")
	op.Read(set, op.Op{Path: "/presence/{user}", ID: "show-presence", Short: "Show what is known of a user, what is made of it, and who sees what",
		Long: "With watcher it is only what that user would see now: somebody found in the directory can be looked up without a subscription.", Scope: read, Needs: r.Running}, n.show)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/presence/{user}/status", ID: "set-presence", Short: "Set the status of a user by hand, or by a calendar",
		Long: "Counts at once. The activity offline has the user appear so.", Scope: write, Event: "presence.set", Needs: r.Running}, n.set)
	op.Read(set, op.Op{Path: "/presence/{user}/rules", ID: "list-presence-rules", Short: "List whom a user lets know what", Scope: read, Needs: r.Running}, n.rules)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/presence/{user}/rules", ID: "set-presence-rule", Short: "Let somebody know, or not",
		Long: "Takes the place of the rule for the same, and counts at once.", Scope: write, Event: "presence.rule_set", Needs: r.Running}, n.setRule)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/presence/{user}/rules", ID: "unset-presence-rule", Short: "End a rule",
		Scope: write, Event: "presence.rule_unset", Needs: r.Running}, n.unsetRule)
	n.registerSubscriptions(set)
	if r.Notifier != nil && r.Tell != nil {
		r.Notifier.Watch(n.tell)
	}
}

// Presence is what is known of a user.
type Presence struct {
	User     string           `json:"user" yaml:"user"`
	Says     string           `json:"says" yaml:"says" doc:"In a word or two: offline, available, idle, activities, or offline and activities" example:"on-the-phone"`
	LastSeen time.Time        `json:"last_seen,omitzero" yaml:"last_seen,omitempty" doc:"When somebody who is offline was last online, as far as that is known"`
	Sources  []PresenceSource `json:"sources,omitempty" yaml:"sources,omitempty" doc:"All that is known, and whether it counts"`
	Watchers []Watcher        `json:"watchers,omitempty" yaml:"watchers,omitempty" doc:"Who has subscribed, and what each sees"`
	Document string           `json:"document" yaml:"document" doc:"application/pidf+xml"`
}

// PresenceSource is one thing that is known of a user.
type PresenceSource struct {
	Kind   string    `json:"kind" yaml:"kind" enum:"publication,binding,calls,manual,calendar"`
	ID     string    `json:"id,omitempty" yaml:"id,omitempty"`
	From   string    `json:"from,omitempty" yaml:"from,omitempty" doc:"Who says so"`
	Says   string    `json:"says" yaml:"says"`
	Counts bool      `json:"counts" yaml:"counts" doc:"It is part of what is shown"`
	Since  time.Time `json:"since,omitzero" yaml:"since,omitempty"`
	Until  time.Time `json:"until,omitzero" yaml:"until,omitempty"`
}

// Watcher is who has subscribed to a user.
type Watcher struct {
	Watcher string `json:"watcher" yaml:"watcher"`
	Event   string `json:"event" yaml:"event" doc:"What was subscribed to"`
	State   string `json:"state" yaml:"state" enum:"active,pending,terminated"`
	Gets    string `json:"gets" yaml:"gets" enum:"allow,confirm,polite-block,block" doc:"By consent"`
	Rule    string `json:"rule,omitempty" yaml:"rule,omitempty" doc:"The rule that says so; none: what holds without any"`
	Sees    string `json:"sees" yaml:"sees" doc:"In a word or two"`
}

func (n *nouns) show(_ context.Context, in *struct {
	op.UserPath
	Watcher string `query:"watcher" doc:"Only what this user would see"`
}) (Presence, error) {
	aor, err := n.Directory.Named(in.User)
	if err != nil {
		return Presence{}, err
	}
	if in.Watcher != "" {
		return n.look(aor, in.Watcher)
	}
	e := n.Agent.Explain(aor)
	out := Presence{User: string(aor), Says: e.Says, LastSeen: e.LastSeen, Document: string(e.Made.Bytes())}
	for _, s := range e.Sources {
		out.Sources = append(out.Sources, PresenceSource{s.Kind, s.ID, s.From, s.Says, s.Counts, s.Since, s.Until})
	}
	for _, pkg := range []string{presence.Name, "dialog"} {
		for _, s := range n.Notifier.Watchers(aor, pkg) {
			out.Watchers = append(out.Watchers, n.watcher(aor, &s))
		}
	}
	return out, nil
}

// look is what one user sees of another without a subscription. One who is
// blocked learns as much as of somebody who does not exist.
func (n *nouns) look(aor rtc.AOR, name string) (Presence, error) {
	who, err := n.Directory.Named(name)
	if err != nil {
		return Presence{}, err
	}
	g, err := n.Agent.Authorise(event.Ask{Resource: aor, Watcher: who, Proved: true})
	if err != nil {
		return Presence{}, problem.Unknown("user_unknown", "there is no user "+string(aor)+" that "+string(who)+" may see", "")
	}
	doc := n.Agent.Look(aor, g.View)
	return Presence{User: string(aor), Says: presence.Summary(doc), Document: string(doc.Bytes())}, nil
}

func (n *nouns) watcher(aor rtc.AOR, s *event.Subscription) Watcher {
	action, rule := n.Agent.Decide(aor, s.Watcher, s.Proved)
	w := Watcher{Watcher: string(s.Watcher), Event: s.Package, State: string(s.State), Gets: string(action)}
	if rule != nil {
		w.Rule = string(rule.Kind) + " " + rule.Name
	}
	var doc *pidf.Document
	if s.Package == presence.Name {
		doc = n.Agent.Look(aor, s.View)
		w.Sees = presence.Summary(doc)
	}
	return w
}

// UserStatus is what is set of a user.
type UserStatus struct {
	Activity string    `json:"activity" yaml:"activity" doc:"An activity of RFC 4480 (away, busy, meeting, vacation, …), available, offline, or empty to end the status" example:"meeting"`
	Note     string    `json:"note,omitempty" yaml:"note,omitempty" maxLength:"500"`
	Until    time.Time `json:"until,omitzero" yaml:"until,omitempty" doc:"When it ends by itself"`
	Source   string    `json:"source,omitempty" yaml:"source,omitempty" enum:"manual,calendar" doc:"Who says so; manual by default"`
}

func (n *nouns) set(ctx context.Context, do *op.Doing, in *struct {
	op.UserPath
	Body UserStatus
}) (Presence, error) {
	aor, err := n.Directory.Named(in.User)
	if err != nil {
		return Presence{}, err
	}
	if !presence.Activity(in.Body.Activity) {
		return Presence{}, problem.Invalid("invalid", "\""+in.Body.Activity+"\" is not an activity", "use available, away, busy, meeting, vacation, offline or another one of RFC 4480, section 3.2")
	}
	if err := do.Begin(ctx, op.Resource("presence", string(aor), "status"), func() (any, error) {
		return map[string]string{"says": n.Agent.Explain(aor).Says}, nil
	}); err != nil {
		return Presence{}, err
	}
	m := presence.Manual{Activity: in.Body.Activity, Note: in.Body.Note, Until: in.Body.Until}
	if in.Body.Source == "calendar" {
		err = n.Agent.SetCalendar(ctx, aor, m)
	} else {
		err = n.Agent.SetManual(ctx, aor, m)
	}
	if err != nil {
		return Presence{}, err
	}
	e := n.Agent.Explain(aor)
	do.After = in.Body
	return Presence{User: string(aor), Says: e.Says, Document: string(e.Made.Bytes())}, nil
}

// ConsentRule is what a user lets somebody know.
type ConsentRule struct {
	Kind   string `json:"kind" yaml:"kind" query:"kind" enum:"user,group,domain,everyone" doc:"Whom it is for; the most exact rule counts, in this order"`
	Name   string `json:"name,omitempty" yaml:"name,omitempty" query:"name" doc:"Of the user, group or domain; none for everyone"`
	Action string `json:"action,omitempty" yaml:"action,omitempty" enum:"allow,confirm,polite-block,block" doc:"polite-block: sees somebody who is always offline; confirm: waits until it is decided"`
}

// owner finds the user or ring group that a name means.
func (n *nouns) owner(name string) (rtc.AOR, error) {
	aor, err := n.Directory.Named(name)
	if err == nil || n.Group == nil {
		return aor, err
	}
	if group, perr := n.Directory.ParseAOR(name); perr == nil && n.Group(group) {
		return group, nil
	}
	return aor, err
}

func (n *nouns) rules(_ context.Context, in *struct {
	op.UserPath
	op.Paging
}) (op.Page[ConsentRule], error) {
	aor, err := n.owner(in.User)
	if err != nil {
		return op.Page[ConsentRule]{}, err
	}
	list := []ConsentRule{}
	for _, r := range n.Consent.Rules(aor) {
		list = append(list, ConsentRule{string(r.Kind), r.Name, string(r.Action)})
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) rule(owner rtc.AOR, in *ConsentRule) (consent.Rule, error) {
	r := consent.Rule{Kind: consent.Kind(in.Kind), Name: in.Name, Action: consent.Action(in.Action)}
	if r.Kind == consent.User && r.Name != "" {
		aor, err := n.Directory.ParseAlias(dialled(in.Name), n.Directory.DefaultDomain()) // numbers call, too
		if err != nil {
			return r, err
		}
		r.Name = string(aor)
		r = n.Consent.Named(owner, []consent.Rule{r})[0]
	}
	return r, nil
}

// dialled is a number without what only helps to read it, whatever else as it is:
// "(030) 123-4", "tel:030 1234" and "0301234" are the same.
func dialled(name string) string {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, strings.TrimPrefix(name, "tel:"))
	if digits == "" || strings.Trim(digits, "+0123456789") != "" {
		return name
	}
	return digits
}

func (n *nouns) setRule(ctx context.Context, do *op.Doing, in *struct {
	op.UserPath
	Body ConsentRule
}) (ConsentRule, error) {
	return n.changeRule(ctx, do, in.User, &in.Body, func(ctx context.Context, owner rtc.AOR, r consent.Rule) error {
		if watcher := rtc.AOR(r.Name); r.Kind == consent.User && n.Directory.Domain([]byte(watcher.Domain())) {
			if _, err := n.Directory.Get(watcher); err != nil { // a rule for nobody would protect from nobody
				return err
			}
		}
		return n.Consent.Set(ctx, owner, r)
	})
}

func (n *nouns) unsetRule(ctx context.Context, do *op.Doing, in *struct {
	op.UserPath
	ConsentRule
}) (ConsentRule, error) {
	return n.changeRule(ctx, do, in.User, &in.ConsentRule, n.Consent.Unset)
}

func (n *nouns) changeRule(ctx context.Context, do *op.Doing, user string, in *ConsentRule, change func(context.Context, rtc.AOR, consent.Rule) error) (ConsentRule, error) {
	aor, err := n.owner(user)
	if err != nil {
		return ConsentRule{}, err
	}
	r, err := n.rule(aor, in)
	if err != nil {
		return ConsentRule{}, err
	}
	out := ConsentRule{string(r.Kind), r.Name, string(r.Action)}
	if err := do.Begin(ctx, op.Resource("presence", string(aor), "rules", out.Kind, out.Name), func() (any, error) {
		for _, x := range n.Consent.Rules(aor) {
			if x.Kind == r.Kind && x.Name == r.Name {
				return ConsentRule{string(x.Kind), x.Name, string(x.Action)}, nil
			}
		}
		return nil, nil
	}); err != nil {
		return ConsentRule{}, err
	}
	if err := change(ctx, aor, r); err != nil {
		return ConsentRule{}, err
	}
	do.After = out
	return out, nil
}
