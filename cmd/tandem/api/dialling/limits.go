package dialling

import (
	"context"
	"net/http"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/telephony/guard"
)

// CallLimit bounds calls. What is absent is not bounded.
type CallLimit struct {
	LimitKey
	PerMinute  int      `json:"per_minute,omitempty" yaml:"per_minute,omitempty" doc:"Calls that may begin in a minute"`
	Calls      int      `json:"calls,omitempty" yaml:"calls,omitempty" doc:"At a time"`
	MinutesDay int      `json:"minutes_day,omitempty" yaml:"minutes_day,omitempty"`
	Closed     []string `json:"closed,omitempty" yaml:"closed,omitempty" doc:"When nothing may be called" example:"[\"22:00-06:00\"]"`
	Now        int      `json:"now,omitempty" yaml:"now,omitempty" doc:"Calls under way; only shown, and not of the default"`
	Today      float64  `json:"today_minutes,omitempty" yaml:"today_minutes,omitempty" doc:"Only shown, and not of the default"`
}

// LimitKey tells limits apart.
type LimitKey struct {
	Level string `json:"level" yaml:"level" query:"level" required:"true" enum:"user,group,site,trunk,default"`
	Name  string `json:"name,omitempty" yaml:"name,omitempty" query:"name" doc:"Of the user, group, site or trunk; absent for the default, which counts for each user alone"`
	Kind  string `json:"kind,omitempty" yaml:"kind,omitempty" query:"kind" doc:"Of number: international, mobile, internal; absent: all outside"`
}

func (n *nouns) registerLimits(set *op.Set) {
	read, write := access.Read("policy"), access.Write("policy")
	op.Read(set, op.Op{Path: "/call-limits", ID: "list-call-limits", Short: "List the limits of calls, and how far they are used", Scope: read}, n.listLimits)
	op.Change(set, op.Op{Method: http.MethodPut, Path: "/call-limits", ID: "set-call-limit", Short: "Bound calls",
		Long: "Makes or replaces the limit of that level, name and kind. Counts for the next call.", Scope: write, Event: "call_limit.set"}, n.setLimit)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/call-limits", ID: "unset-call-limit", Short: "Remove a limit of calls",
		Scope: write, Event: "call_limit.unset"}, n.unsetLimit)
}

func (n *nouns) shownLimit(l guard.Limit) CallLimit {
	u := n.Guard.Used(l.Key, "")
	return CallLimit{LimitKey{string(l.Level), l.Name, l.Kind}, l.PerMinute, l.Calls, l.MinutesDay, l.Closed, u.Calls, u.Minutes}
}

func (n *nouns) listLimits(_ context.Context, in *struct{ op.Paging }) (op.Page[CallLimit], error) {
	list := []CallLimit{}
	for _, l := range n.Guard.Limits() {
		list = append(list, n.shownLimit(l))
	}
	return op.InOrder(in.Paging, list)
}

// key reads a key as people write it.
func (n *nouns) key(in LimitKey) (guard.Key, error) {
	k := guard.Key{Level: guard.Level(in.Level), Name: in.Name, Kind: in.Kind}
	if k.Level == guard.User && k.Name != "" {
		aor, err := n.ParseAOR(k.Name)
		if err != nil {
			return k, err
		}
		k.Name = string(aor)
	}
	return k, nil
}

func resource(k guard.Key) string {
	return op.Resource("call-limits", string(k.Level), k.Name, k.Kind)
}

// before is the limit as a change finds it, nil when there is none.
func (n *nouns) before(k guard.Key) func() (any, error) {
	return func() (any, error) {
		if l, ok := n.Guard.Limit(k); ok {
			return n.shownLimit(l), nil
		}
		return nil, nil
	}
}

func (n *nouns) setLimit(ctx context.Context, do *op.Doing, in *struct{ Body CallLimit }) (out CallLimit, err error) {
	k, err := n.key(in.Body.LimitKey)
	if err != nil {
		return out, err
	}
	if err := do.Begin(ctx, resource(k), n.before(k)); err != nil {
		return out, err
	}
	b := in.Body
	if err := n.Guard.Set(ctx, guard.Limit{Key: k, PerMinute: b.PerMinute, Calls: b.Calls, MinutesDay: b.MinutesDay, Closed: b.Closed}); err != nil {
		return out, err
	}
	if l, ok := n.Guard.Limit(k); ok {
		out = n.shownLimit(l)
	}
	do.After = out
	return out, nil
}

func (n *nouns) unsetLimit(ctx context.Context, do *op.Doing, in *LimitKey) (out CallLimit, err error) {
	k, err := n.key(*in)
	if err != nil {
		return out, err
	}
	if l, ok := n.Guard.Limit(k); ok {
		out = n.shownLimit(l)
	}
	if err := do.Begin(ctx, resource(k), n.before(k)); err != nil {
		return out, err
	}
	return out, n.Guard.Unset(ctx, k)
}
