// Package groups is the operations on ring groups.
package groups

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/telephony/group"
	"tandem/telephony/number"
)

// Group is a ring group as shown.
type Group struct {
	Address     string   `json:"address" yaml:"address" example:"sip:sales@example.com"`
	Note        string   `json:"note,omitempty" yaml:"note,omitempty" doc:"For people, and the name shown when the group sends a call on"`
	Numbers     []string `json:"numbers,omitempty" yaml:"numbers,omitempty" doc:"By which it is called as well: with + and country code, or an extension"`
	Members     []string `json:"members" yaml:"members" nullable:"false" doc:"Users, extensions or numbers, in their order"`
	Hunt        string   `json:"hunt" yaml:"hunt" enum:"parallel,sequence" doc:"All at once, or one after the other"`
	RingSeconds int      `json:"ring_s" yaml:"ring_s" doc:"How long they ring, or each of them"`
	Overflow    string   `json:"overflow,omitempty" yaml:"overflow,omitempty" doc:"Where a call goes that nobody takes"`
	Payer       string   `json:"payer,omitempty" yaml:"payer,omitempty" doc:"User by whose rights and at whose expense numbers outside are called"`
}

// GroupChange is what may be set; what is absent stays, or has its default.
type GroupChange struct {
	Note        *string   `json:"note,omitempty"`
	Numbers     *[]string `json:"numbers,omitempty"`
	Members     *[]string `json:"members,omitempty"`
	Hunt        *string   `json:"hunt,omitempty" doc:"parallel or sequence"`
	RingSeconds *int      `json:"ring_s,omitempty" minimum:"0" maximum:"180"`
	Overflow    *string   `json:"overflow,omitempty"`
	Payer       *string   `json:"payer,omitempty"`
}

// NewGroup is a group to be made.
type NewGroup struct {
	Name string `json:"name" example:"sales" doc:"Name or address; no user may have it"`
	GroupChange
}

// Path names a group in a path.
type Path struct {
	Group string `path:"group" doc:"Name or address"`
}

// Rooms are what the operations act on.
type Rooms struct {
	Groups    *group.Table
	Directory *directory.Directory
	Numbers   func(site string) *number.Plan
}

type nouns struct{ Rooms }

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	read, write := access.Read("groups"), access.Write("groups")
	op.Read(set, op.Op{Path: "/groups", ID: "list-groups", Short: "List ring groups", Scope: read}, n.list)
	op.Read(set, op.Op{Path: "/groups/{group}", ID: "show-group", Short: "Show one ring group", Scope: read}, n.show)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/groups", ID: "add-group", Short: "Make a ring group", Scope: write,
		Status: http.StatusCreated, Event: "group.added"}, n.add)
	op.Change(set, op.Op{Method: http.MethodPatch, Path: "/groups/{group}", ID: "change-group", Short: "Change a ring group",
		Long: "Counts for the next call.", Scope: write, Event: "group.changed"}, n.change)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/groups/{group}", ID: "remove-group", Short: "Remove a ring group", Scope: write,
		Event: "group.removed"}, n.remove)
}

func shown(g *group.Group) Group {
	members := g.Members
	if members == nil {
		members = []string{}
	}
	return Group{Address: string(g.AOR), Note: g.Note, Numbers: g.Numbers, Members: members, Hunt: string(g.Hunt),
		RingSeconds: int(g.Ring() / time.Second), Overflow: g.Overflow, Payer: string(g.Payer)}
}

// apply changes a group as a client wants it.
func (n *nouns) apply(c *GroupChange, g *group.Group) error {
	set(&g.Note, c.Note)
	set(&g.Members, c.Members)
	set(&g.Hunt, (*group.Hunt)(c.Hunt))
	set(&g.Overflow, c.Overflow)
	if c.RingSeconds != nil {
		g.RingTime = time.Duration(*c.RingSeconds) * time.Second
	}
	if c.Numbers != nil {
		g.Numbers = nil
		for _, text := range *c.Numbers {
			num, err := n.Numbers("").Parse(text)
			if err != nil {
				return fmt.Errorf("number %q: %w: write it with + and country code, or as an extension", text, group.ErrInvalid)
			}
			g.Numbers = append(g.Numbers, num.String())
		}
	}
	if c.Payer == nil {
		return nil
	}
	if g.Payer = ""; *c.Payer == "" {
		return nil
	}
	aor, err := n.Directory.ParseAOR(*c.Payer)
	if err == nil {
		_, err = n.Directory.Get(aor)
	}
	g.Payer = aor
	return err
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// group is a group as shown, and as a change finds it.
func (n *nouns) group(aor rtc.AOR) (Group, error) {
	g := n.Groups.Group(aor)
	if g == nil {
		return Group{}, fmt.Errorf("group %s: %w: see: tandem groups list", aor, group.ErrUnknown)
	}
	return shown(g), nil
}

func (n *nouns) list(_ context.Context, in *struct{ op.Paging }) (op.Page[Group], error) {
	return op.Paginate(in.Paging, func(g Group) string { return g.Address }, func(after string) iter.Seq[Group] {
		return func(yield func(Group) bool) {
			for _, g := range n.Groups.All() {
				if string(g.AOR) > after && !yield(shown(g)) {
					return
				}
			}
		}
	})
}

func (n *nouns) show(_ context.Context, in *Path) (Group, error) {
	aor, err := n.Directory.ParseAOR(in.Group)
	if err != nil {
		return Group{}, err
	}
	return n.group(aor)
}

func (n *nouns) add(ctx context.Context, do *op.Doing, in *struct{ Body NewGroup }) (Group, error) {
	aor, err := n.Directory.ParseAOR(in.Body.Name)
	if err != nil {
		return Group{}, err
	}
	if u, ok := n.Directory.Resolve(aor); ok {
		return Group{}, fmt.Errorf("address %s: %w: it belongs to the user %s; choose another name", aor, group.ErrExists, u.AOR)
	}
	g := group.Group{AOR: aor}
	if err := n.apply(&in.Body.GroupChange, &g); err != nil {
		return Group{}, err
	}
	if err := do.Begin(ctx, op.Resource("groups", string(aor)), nil); err != nil {
		return Group{}, err
	}
	if err := n.Groups.Add(ctx, g); err != nil {
		return Group{}, err
	}
	out, err := n.group(aor)
	do.After = out
	return out, err
}

// begin begins the change of a group that is there.
func (n *nouns) begin(ctx context.Context, do *op.Doing, name string) (rtc.AOR, error) {
	aor, err := n.Directory.ParseAOR(name)
	if err != nil {
		return "", err
	}
	return aor, do.Begin(ctx, op.Resource("groups", string(aor)), func() (any, error) { return n.group(aor) })
}

func (n *nouns) change(ctx context.Context, do *op.Doing, in *struct {
	Path
	Body GroupChange
}) (Group, error) {
	aor, err := n.begin(ctx, do, in.Group)
	if err != nil {
		return Group{}, err
	}
	if err := n.Groups.Change(ctx, aor, func(g *group.Group) error { return n.apply(&in.Body, g) }); err != nil {
		return Group{}, err
	}
	out, err := n.group(aor)
	do.After = out
	return out, err
}

func (n *nouns) remove(ctx context.Context, do *op.Doing, in *Path) (Group, error) {
	aor, err := n.begin(ctx, do, in.Group)
	if err != nil {
		return Group{}, err
	}
	return do.Before.(Group), n.Groups.Remove(ctx, aor)
}
