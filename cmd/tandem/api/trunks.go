package api

import (
	"context"
	"iter"
	"net/http"
	"net/netip"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/gateways"
)

// Trunk is a trunk as shown.
type Trunk struct {
	Name       string      `json:"name" yaml:"name" example:"berlin"`
	Note       string      `json:"note,omitempty" yaml:"note,omitempty" doc:"For people"`
	Disabled   bool        `json:"disabled,omitempty" yaml:"disabled,omitempty" doc:"Takes no calls, in either direction"`
	Addresses  []string    `json:"addresses" yaml:"addresses" nullable:"false" doc:"SIP URIs in the order in which they are tried; a domain is found by NAPTR and SRV (RFC 3263)"`
	Sources    []string    `json:"sources,omitempty" yaml:"sources,omitempty" doc:"Networks its requests come from; none: its addresses"`
	TLSNames   []string    `json:"tls_names,omitempty" yaml:"tls_names,omitempty" doc:"Names in its certificate that prove a connection is its"`
	User       string      `json:"user,omitempty" yaml:"user,omitempty" doc:"By which we prove to it who we are (digest)"`
	Realm      string      `json:"realm,omitempty" yaml:"realm,omitempty" doc:"Of the digest; empty: any it names"`
	HasSecret  bool        `json:"has_secret,omitempty" yaml:"has_secret,omitempty" doc:"Its password is set; it is never shown"`
	Numbers    []string    `json:"numbers,omitempty" yaml:"numbers,omitempty" doc:"Ours, called through it; a block ends with *. None: the number of any user"`
	Prefixes   []string    `json:"prefixes,omitempty" yaml:"prefixes,omitempty" doc:"Beginnings of numbers that may be called through it; * for all"`
	Priority   int         `json:"priority,omitempty" yaml:"priority,omitempty" doc:"Among trunks of the same prefix, the lowest first"`
	Weight     int         `json:"weight,omitempty" yaml:"weight,omitempty" doc:"Share of calls among equals in priority; 0 counts as 1"`
	Channels   int         `json:"channels,omitempty" yaml:"channels,omitempty" doc:"Calls at a time; 0: no limit"`
	Format     string      `json:"format" yaml:"format" enum:"e164,digits" doc:"Of numbers sent to it"`
	CallerID   string      `json:"caller_id" yaml:"caller_id" enum:"pai,rpid,from" doc:"Where it expects the caller's number"`
	Out        []TrunkRule `json:"out,omitempty" yaml:"out,omitempty" doc:"Change the called number on the way out; the first that matches"`
	In         []TrunkRule `json:"in,omitempty" yaml:"in,omitempty" doc:"Change the called number on the way in; the first that matches"`
	Codecs     []string    `json:"codecs,omitempty" yaml:"codecs,omitempty" doc:"It accepts, best first; none: all"`
	Encryption string      `json:"encryption" yaml:"encryption" enum:"off,prefer,require" doc:"Of its sound (SRTP)"`
	Probe      string      `json:"probe" yaml:"probe" enum:"options,off" doc:"How it is found out whether it is there, besides by calls"`
}

// TrunkState is how a trunk does now.
type TrunkState struct {
	Name     string    `json:"name" yaml:"name"`
	State    string    `json:"state" yaml:"state" enum:"up,degraded,down,draining,disabled,removed"`
	Since    time.Time `json:"since,omitzero" yaml:"since,omitempty" doc:"When its health changed last"`
	Why      string    `json:"why,omitempty" yaml:"why,omitempty" doc:"What its health was found by"`
	Calls    int       `json:"calls" yaml:"calls" doc:"Channels taken"`
	Channels int       `json:"channels,omitempty" yaml:"channels,omitempty" doc:"Calls at a time; 0: no limit"`
}

// TrunkRule changes a number that begins with Match.
type TrunkRule struct {
	Match string `json:"match" yaml:"match" doc:"Beginning of the number; empty: every number"`
	Strip int    `json:"strip,omitempty" yaml:"strip,omitempty" minimum:"0" doc:"Characters that leave its front"`
	Add   string `json:"add,omitempty" yaml:"add,omitempty" doc:"Put in front then"`
}

// TrunkChange is what may be set; what is absent stays, or has its default.
type TrunkChange struct {
	Note       *string      `json:"note,omitempty" doc:"For people"`
	Disabled   *bool        `json:"disabled,omitempty" doc:"true: takes no calls, in either direction"`
	Addresses  *[]string    `json:"addresses,omitempty" doc:"SIP URIs in the order in which they are tried" example:"[\"sip:192.0.2.10:5060\"]"`
	Sources    *[]string    `json:"sources,omitempty" doc:"Networks its requests come from"`
	TLSNames   *[]string    `json:"tls_names,omitempty" doc:"Names in its certificate"`
	User       *string      `json:"user,omitempty" doc:"By which we prove to it who we are (digest)"`
	Realm      *string      `json:"realm,omitempty" doc:"Of the digest"`
	Secret     *string      `json:"secret,omitempty" doc:"Password of the digest; kept sealed and never shown"`
	Numbers    *[]string    `json:"numbers,omitempty" doc:"Ours, called through it"`
	Prefixes   *[]string    `json:"prefixes,omitempty" doc:"Beginnings of numbers that may be called through it"`
	Priority   *int         `json:"priority,omitempty" doc:"The lowest first"`
	Weight     *int         `json:"weight,omitempty" doc:"Share of calls among equals in priority"`
	Channels   *int         `json:"channels,omitempty" doc:"Calls at a time; 0: no limit"`
	Format     *string      `json:"format,omitempty" doc:"e164 or digits"`
	CallerID   *string      `json:"caller_id,omitempty" doc:"pai, rpid or from"`
	Out        *[]TrunkRule `json:"out,omitempty" doc:"Change the called number on the way out"`
	In         *[]TrunkRule `json:"in,omitempty" doc:"Change the called number on the way in"`
	Codecs     *[]string    `json:"codecs,omitempty" doc:"It accepts, best first"`
	Encryption *string      `json:"encryption,omitempty" doc:"off, prefer or require"`
	Probe      *string      `json:"probe,omitempty" doc:"options or off"`
}

// NewTrunk is a trunk to be made.
type NewTrunk struct {
	Name string `json:"name" example:"berlin"`
	TrunkChange
}

// TrunkPath names a trunk in a path.
type TrunkPath struct {
	Trunk string `path:"trunk" doc:"Its name"`
}

func (a *API) registerTrunks() {
	read, write := access.Read("trunks"), access.Write("trunks")
	op.Read(a.set, op.Op{Path: "/trunks", ID: "list-trunks", Short: "List trunks", Scope: read}, a.listTrunks)
	op.Read(a.set, op.Op{Path: "/trunks/{trunk}", ID: "show-trunk", Short: "Show one trunk", Scope: read}, a.showTrunk)
	op.Read(a.set, op.Op{Path: "/trunk-states", ID: "list-trunk-states", Short: "List how the trunks do now", Scope: read, Needs: a.running}, a.listTrunkStates)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/trunks", ID: "add-trunk", Short: "Make a trunk", Scope: write,
		Status: http.StatusCreated, Event: "trunk.added"}, a.addTrunk)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/trunks/import", ID: "import-trunks", Short: "Make several trunks, all or none",
		Scope: write, Event: "trunks.imported", Body: op.MaxBody}, a.importTrunks)
	op.Change(a.set, op.Op{Method: http.MethodPatch, Path: "/trunks/{trunk}", ID: "change-trunk", Short: "Change a trunk",
		Long: "Counts for the next call; calls under way go on.", Scope: write, Event: "trunk.changed", Body: op.MaxBody}, a.changeTrunk)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/trunks/{trunk}", ID: "remove-trunk", Short: "Remove a trunk",
		Long: "No new call takes it; calls under way go on.", Scope: write, Event: "trunk.removed"}, a.removeTrunk)
}

func shownTrunk(t *gateways.Trunk) Trunk {
	s := Trunk{Name: t.Name, Note: t.Note, Disabled: t.Disabled, Addresses: t.Addresses,
		TLSNames: t.TLSNames, User: t.Digest.User, Realm: t.Digest.Realm, HasSecret: t.Digest.Secret != "",
		Numbers: t.Numbers, Prefixes: t.Prefixes, Priority: t.Priority, Weight: t.Weight, Channels: t.Channels,
		Format: string(t.Format), CallerID: string(t.CallerID), Codecs: t.Codecs, Encryption: string(t.Media), Probe: string(t.Probe),
		Out: shownRules(t.Out), In: shownRules(t.In)}
	for _, p := range t.Sources {
		s.Sources = append(s.Sources, p.String())
	}
	return s
}

func shownRules(list []gateways.Rule) (out []TrunkRule) {
	for _, r := range list {
		out = append(out, TrunkRule(r))
	}
	return out
}

// apply changes a trunk as a client wants it.
func (c *TrunkChange) apply(t *gateways.Trunk) (err error) {
	set(&t.Note, c.Note)
	set(&t.Disabled, c.Disabled)
	set(&t.Addresses, c.Addresses)
	set(&t.TLSNames, c.TLSNames)
	set(&t.Digest.User, c.User)
	set(&t.Digest.Realm, c.Realm)
	set(&t.Digest.Secret, (*gateways.Secret)(c.Secret))
	if t.Digest.User == "" && c.Secret == nil {
		t.Digest.Secret = "" // it is nobody's any more
	}
	set(&t.Numbers, c.Numbers)
	set(&t.Prefixes, c.Prefixes)
	set(&t.Priority, c.Priority)
	set(&t.Weight, c.Weight)
	set(&t.Channels, c.Channels)
	set(&t.Format, (*gateways.Format)(c.Format))
	set(&t.CallerID, (*gateways.CallerID)(c.CallerID))
	set(&t.Codecs, c.Codecs)
	set(&t.Media, (*gateways.Media)(c.Encryption))
	set(&t.Probe, (*gateways.Probe)(c.Probe))
	if c.Out != nil {
		t.Out = rulesOf(*c.Out)
	}
	if c.In != nil {
		t.In = rulesOf(*c.In)
	}
	if c.Sources != nil {
		t.Sources, err = networks(*c.Sources)
	}
	return err
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func rulesOf(list []TrunkRule) (out []gateways.Rule) {
	for _, r := range list {
		out = append(out, gateways.Rule(r))
	}
	return out
}

// networks reads addresses and networks.
func networks(list []string) (out []netip.Prefix, err error) {
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				return nil, problem.Invalid("invalid", "source "+s+" is no address", "write 192.0.2.10 or a network, 192.0.2.0/24")
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

// trunk is a trunk as shown, and as a change finds it.
func (a *API) trunk(name string) (Trunk, error) {
	t := a.Trunks.Table().ByName(name)
	if t == nil {
		return Trunk{}, problem.Unknown("trunk_unknown", "there is no trunk "+name, "see: tandem trunks list")
	}
	return shownTrunk(t), nil
}

func (a *API) listTrunks(_ context.Context, in *struct{ op.Paging }) (op.Page[Trunk], error) {
	return op.Paginate(in.Paging, func(t Trunk) string { return t.Name }, func(after string) iter.Seq[Trunk] {
		return func(yield func(Trunk) bool) {
			for _, t := range a.Trunks.Table().All() {
				if t.Name > after && !yield(shownTrunk(t)) {
					return
				}
			}
		}
	})
}

func (a *API) showTrunk(_ context.Context, in *TrunkPath) (Trunk, error) { return a.trunk(in.Trunk) }

func (a *API) listTrunkStates(_ context.Context, in *struct{ op.Paging }) (op.Page[TrunkState], error) {
	return op.Paginate(in.Paging, func(t TrunkState) string { return t.Name }, func(after string) iter.Seq[TrunkState] {
		return func(yield func(TrunkState) bool) {
			for _, t := range a.Trunks.Table().All() {
				_, since, why := t.Health()
				if t.Name > after && !yield(TrunkState{t.Name, t.State().String(), since, why, t.Calls(), t.Channels}) {
					return
				}
			}
		}
	})
}

func (a *API) addTrunk(ctx context.Context, do *op.Doing, in *struct{ Body NewTrunk }) (Trunk, error) {
	t := gateways.Trunk{Name: in.Body.Name}
	if err := in.Body.apply(&t); err != nil {
		return Trunk{}, err
	}
	if err := do.Begin(ctx, op.Resource("trunks", t.Name), nil); err != nil {
		return Trunk{}, err
	}
	if err := a.Trunks.Add(ctx, t); err != nil {
		return Trunk{}, err
	}
	out, err := a.trunk(t.Name)
	do.After = out
	return out, err
}

// NewTrunks are trunks to be made together.
type NewTrunks struct {
	Trunks []NewTrunk `json:"trunks" nullable:"false" maxItems:"1000"`
}

// ImportedTrunks are the trunks an import made.
type ImportedTrunks struct {
	Trunks []Trunk `json:"trunks" yaml:"trunks" nullable:"false"`
}

func (a *API) importTrunks(ctx context.Context, do *op.Doing, in *struct{ Body NewTrunks }) (out ImportedTrunks, err error) {
	list := make([]gateways.Trunk, len(in.Body.Trunks))
	for i, t := range in.Body.Trunks {
		list[i].Name = t.Name
		if err := t.apply(&list[i]); err != nil {
			return out, err
		}
	}
	if err := do.Begin(ctx, op.Resource("trunks"), nil); err != nil {
		return out, err
	}
	if err := a.Trunks.Add(ctx, list...); err != nil {
		return out, err
	}
	out.Trunks = make([]Trunk, len(list))
	for i, t := range list {
		if out.Trunks[i], err = a.trunk(t.Name); err != nil {
			return out, err
		}
	}
	do.After = out
	return out, nil
}

// beginTrunk begins the change of a trunk that is there.
func (a *API) beginTrunk(ctx context.Context, do *op.Doing, name string) error {
	return do.Begin(ctx, op.Resource("trunks", name), func() (any, error) {
		return a.trunk(name)
	})
}

func (a *API) changeTrunk(ctx context.Context, do *op.Doing, in *struct {
	TrunkPath
	Body TrunkChange
}) (Trunk, error) {
	if err := a.beginTrunk(ctx, do, in.Trunk); err != nil {
		return Trunk{}, err
	}
	if err := a.Trunks.Change(ctx, in.Trunk, in.Body.apply); err != nil {
		return Trunk{}, err
	}
	out, err := a.trunk(in.Trunk)
	do.After = out
	return out, err
}

func (a *API) removeTrunk(ctx context.Context, do *op.Doing, in *TrunkPath) (Trunk, error) {
	if err := a.beginTrunk(ctx, do, in.Trunk); err != nil {
		return Trunk{}, err
	}
	return do.Before.(Trunk), a.Trunks.Remove(ctx, in.Trunk)
}
