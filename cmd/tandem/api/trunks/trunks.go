// Package trunks is the operations on trunks: what they are, how they do, how they
// are registered with, and test calls through them.
package trunks

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"net/netip"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/gateways"
	"tandem/gateways/dialect"
)

// Trunk is a trunk as shown.
type Trunk struct {
	Name        string   `json:"name" yaml:"name" example:"berlin"`
	Note        string   `json:"note,omitempty" yaml:"note,omitempty" doc:"For people"`
	Disabled    bool     `json:"disabled,omitempty" yaml:"disabled,omitempty" doc:"Takes no calls, in either direction"`
	Draining    bool     `json:"draining,omitempty" yaml:"draining,omitempty" doc:"Takes no new calls"`
	Addresses   []string `json:"addresses" yaml:"addresses" nullable:"false" doc:"SIP URIs in the order in which they are tried; a domain is found by NAPTR and SRV (RFC 3263)"`
	Sources     []string `json:"sources,omitempty" yaml:"sources,omitempty" doc:"Networks its requests come from; none: its addresses"`
	TLSNames    []string `json:"tls_names,omitempty" yaml:"tls_names,omitempty" doc:"Names in its certificate that prove a connection is its"`
	Users       []string `json:"users,omitempty" yaml:"users,omitempty" doc:"Users of this server by whose credentials it proves who it is"`
	Domain      string   `json:"domain,omitempty" yaml:"domain,omitempty" doc:"The provider's: host in the Request-URI, To and From"`
	Account     string   `json:"account,omitempty" yaml:"account,omitempty" doc:"User of our address at the provider; empty: that of the digest"`
	Register    string   `json:"register" yaml:"register" enum:"off,line,bulk" doc:"How we register with it: not, one address (line), or all numbers at once (bulk, RFC 6140)"`
	For         string   `json:"register_for" yaml:"register_for" doc:"How long a registration is asked for" example:"10m0s"`
	User        string   `json:"user,omitempty" yaml:"user,omitempty" doc:"By which we prove to it who we are (digest)"`
	Realm       string   `json:"realm,omitempty" yaml:"realm,omitempty" doc:"Of the digest; empty: any it names"`
	HasSecret   bool     `json:"has_secret,omitempty" yaml:"has_secret,omitempty" doc:"Its password is set; it is never shown"`
	Numbers     []string `json:"numbers,omitempty" yaml:"numbers,omitempty" doc:"Ours, called through it; a block ends with *. None: the number of any user"`
	Country     string   `json:"country,omitempty" yaml:"country,omitempty" doc:"Whose numbers it writes without the country's code, ISO 3166-1; empty: the server's"`
	Prefixes    []string `json:"prefixes,omitempty" yaml:"prefixes,omitempty" doc:"Beginnings of numbers that may be called through it; * for all"`
	Priority    int      `json:"priority,omitempty" yaml:"priority,omitempty" doc:"Among trunks of the same prefix, the lowest first"`
	Cost        float64  `json:"cost,omitempty" yaml:"cost,omitempty" doc:"Of a minute; among trunks of the same priority the lowest first"`
	Weight      int      `json:"weight,omitempty" yaml:"weight,omitempty" doc:"Share of calls among equals in priority and cost; 0 counts as 1"`
	Hours       []string `json:"hours,omitempty" yaml:"hours,omitempty" doc:"When it takes calls out; none: always"`
	Group       string   `json:"group,omitempty" yaml:"group,omitempty" doc:"Trunk group it is in (RFC 4904)"`
	TrunkGroup  string   `json:"trunk_group,omitempty" yaml:"trunk_group,omitempty" doc:"The gateway's own trunk group, LABEL@CONTEXT (RFC 4904)"`
	Channels    int      `json:"channels,omitempty" yaml:"channels,omitempty" doc:"Calls at a time; 0: no limit"`
	ChannelsIn  int      `json:"channels_in,omitempty" yaml:"channels_in,omitempty" doc:"Calls at a time that come in; 0: no limit"`
	ChannelsOut int      `json:"channels_out,omitempty" yaml:"channels_out,omitempty" doc:"Calls at a time that go out; 0: no limit"`
	Rate        int      `json:"rate,omitempty" yaml:"rate,omitempty" doc:"Calls out that may begin in a second; 0: no limit"`
	RateIn      int      `json:"rate_in,omitempty" yaml:"rate_in,omitempty" doc:"Calls in that may begin in a second; 0: no limit"`
	Dialect     string   `json:"dialect" yaml:"dialect" doc:"Of its maker: generic, cisco-ios, cube, nuera, vegastream, sangoma, 3com, audiocodes, patton, twilio, telnyx"`
	TrunkManner `yaml:",inline"`
	Out         []TrunkRule `json:"out,omitempty" yaml:"out,omitempty" doc:"Change the called number on the way out; the first that matches"`
	In          []TrunkRule `json:"in,omitempty" yaml:"in,omitempty" doc:"Change the called number on the way in; the first that matches"`
	Codecs      []string    `json:"codecs,omitempty" yaml:"codecs,omitempty" doc:"It accepts, best first; none: all"`
}

// TrunkManner is how a trunk is spoken to: what it sets itself, else what its dialect
// has.
type TrunkManner struct {
	Format     string `json:"format" yaml:"format" enum:"e164,digits" doc:"Of numbers sent to it"`
	CallerID   string `json:"caller_id" yaml:"caller_id" enum:"pai,rpid,from" doc:"Where it expects the caller's number"`
	UserPhone  string `json:"user_phone" yaml:"user_phone" enum:"on,off" doc:"Numbers in URIs are marked user=phone"`
	Reliable   string `json:"reliable" yaml:"reliable" enum:"on,off" doc:"Provisional responses may be reliable (100rel)"`
	Early      string `json:"early_media" yaml:"early_media" enum:"pass,ignore" doc:"Sound before the answer"`
	Keys       string `json:"dtmf" yaml:"dtmf" enum:"events,inband,info" doc:"How keys are sent"`
	Diversion  string `json:"diversion" yaml:"diversion" enum:"both,diversion,history,none" doc:"How it is told who forwarded a call"`
	Encryption string `json:"encryption" yaml:"encryption" enum:"off,prefer,require" doc:"Of its sound (SRTP)"`
	Probe      string `json:"probe" yaml:"probe" enum:"options,off" doc:"How it is found out whether it is there, besides by calls"`
	Ported     string `json:"ported" yaml:"ported" enum:"on,off" doc:"It is told how a number is ported, where ENUM says so (npdi, rn; RFC 4694)"`
	Redirects  string `json:"redirects" yaml:"redirects" enum:"refuse,follow" doc:"When it answers a call with another address (3xx): the next trunk is tried, or the number named is called if policy and limits let it"`
}

func shownManner(m dialect.Manner) TrunkManner {
	return TrunkManner{Format: string(m.Format), CallerID: string(m.CallerID), UserPhone: string(m.UserPhone), Reliable: string(m.Reliable),
		Early: string(m.Early), Keys: string(m.Keys), Diversion: string(m.Diversion),
		Encryption: string(m.Media), Probe: string(m.Probe), Redirects: string(m.Redirects), Ported: string(m.Ported)}
}

// TrunkState is how a trunk does now.
type TrunkState struct {
	Name     string    `json:"name" yaml:"name"`
	State    string    `json:"state" yaml:"state" enum:"up,degraded,down,draining,disabled,removed"`
	Since    time.Time `json:"since,omitzero" yaml:"since,omitempty" doc:"When its health changed last"`
	Why      string    `json:"why,omitempty" yaml:"why,omitempty" doc:"What its health was found by"`
	Calls    int       `json:"calls" yaml:"calls" doc:"Channels taken"`
	Channels int       `json:"channels,omitempty" yaml:"channels,omitempty" doc:"Calls at a time; 0: no limit"`

	Registration *TrunkRegistration `json:"registration,omitempty" yaml:"registration,omitempty" doc:"How we are registered with it; absent: it wants none"`
}

// TrunkRule changes a number that begins with Match.
type TrunkRule struct {
	Match string `json:"match" yaml:"match" doc:"Beginning of the number; empty: every number"`
	Strip int    `json:"strip,omitempty" yaml:"strip,omitempty" minimum:"0" doc:"Characters that leave its front"`
	Add   string `json:"add,omitempty" yaml:"add,omitempty" doc:"Put in front then"`
}

// TrunkChange is what may be set; what is absent stays, or has its default.
type TrunkChange struct {
	Note        *string      `json:"note,omitempty" doc:"For people"`
	Disabled    *bool        `json:"disabled,omitempty" doc:"true: takes no calls, in either direction"`
	Draining    *bool        `json:"draining,omitempty" doc:"true: takes no new calls, and stays registered"`
	Addresses   *[]string    `json:"addresses,omitempty" doc:"SIP URIs in the order in which they are tried" example:"[\"sip:192.0.2.10:5060\"]"`
	Sources     *[]string    `json:"sources,omitempty" doc:"Networks its requests come from"`
	TLSNames    *[]string    `json:"tls_names,omitempty" doc:"Names in its certificate"`
	User        *string      `json:"user,omitempty" doc:"By which we prove to it who we are (digest)"`
	Realm       *string      `json:"realm,omitempty" doc:"Of the digest"`
	Users       *[]string    `json:"users,omitempty" doc:"Users of this server by whose credentials it proves who it is"`
	Domain      *string      `json:"domain,omitempty" doc:"The provider's, for Request-URI, To and From"`
	Account     *string      `json:"account,omitempty" doc:"User of our address at the provider"`
	Register    *string      `json:"register,omitempty" doc:"off, line or bulk"`
	For         *string      `json:"register_for,omitempty" doc:"How long a registration is asked for" example:"10m"`
	Secret      *string      `json:"secret,omitempty" doc:"Password of the digest; kept sealed and never shown"`
	Numbers     *[]string    `json:"numbers,omitempty" doc:"Ours, called through it"`
	Country     *string      `json:"country,omitempty" doc:"Whose numbers it writes without the country's code" example:"GB"`
	Prefixes    *[]string    `json:"prefixes,omitempty" doc:"Beginnings of numbers that may be called through it"`
	Priority    *int         `json:"priority,omitempty" doc:"The lowest first"`
	Cost        *float64     `json:"cost,omitempty" doc:"Of a minute; the lowest first"`
	Weight      *int         `json:"weight,omitempty" doc:"Share of calls among equals in priority and cost"`
	Hours       *[]string    `json:"hours,omitempty" doc:"When it takes calls out" example:"[\"mon-fri 08:00-18:00\"]"`
	Group       *string      `json:"group,omitempty" doc:"Trunk group it is in"`
	TrunkGroup  *string      `json:"trunk_group,omitempty" doc:"The gateway's own trunk group: calls out ask for it, calls in that name it are this trunk's" example:"tg1@gw.example.net"`
	ChannelsIn  *int         `json:"channels_in,omitempty" doc:"Calls at a time that come in; 0: no limit"`
	ChannelsOut *int         `json:"channels_out,omitempty" doc:"Calls at a time that go out; 0: no limit"`
	Rate        *int         `json:"rate,omitempty" doc:"Calls out that may begin in a second; 0: no limit"`
	RateIn      *int         `json:"rate_in,omitempty" doc:"Calls in that may begin in a second; 0: no limit"`
	Dialect     *string      `json:"dialect,omitempty" doc:"Of its maker; what is set of its manner counts more"`
	UserPhone   *string      `json:"user_phone,omitempty" doc:"on or off; empty: as its dialect has it, and so for what follows"`
	Reliable    *string      `json:"reliable,omitempty" doc:"on or off"`
	Early       *string      `json:"early_media,omitempty" doc:"pass or ignore"`
	Keys        *string      `json:"dtmf,omitempty" doc:"events, inband or info"`
	Diversion   *string      `json:"diversion,omitempty" doc:"both, diversion, history or none"`
	Channels    *int         `json:"channels,omitempty" doc:"Calls at a time; 0: no limit"`
	Format      *string      `json:"format,omitempty" doc:"e164 or digits"`
	CallerID    *string      `json:"caller_id,omitempty" doc:"pai, rpid or from"`
	Out         *[]TrunkRule `json:"out,omitempty" doc:"Change the called number on the way out"`
	In          *[]TrunkRule `json:"in,omitempty" doc:"Change the called number on the way in"`
	Codecs      *[]string    `json:"codecs,omitempty" doc:"It accepts, best first"`
	Encryption  *string      `json:"encryption,omitempty" doc:"off, prefer or require"`
	Probe       *string      `json:"probe,omitempty" doc:"options or off"`
	Ported      *string      `json:"ported,omitempty" doc:"on or off"`
	Redirects   *string      `json:"redirects,omitempty" doc:"refuse or follow"`
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

func (a *nouns) register(set *op.Set) {
	read, write := access.Read("trunks"), access.Write("trunks")
	op.Read(set, op.Op{Path: "/trunks", ID: "list-trunks", Short: "List trunks", Scope: read}, a.listTrunks)
	op.Read(set, op.Op{Path: "/trunks/{trunk}", ID: "show-trunk", Short: "Show one trunk", Scope: read}, a.showTrunk)
	op.Read(set, op.Op{Path: "/trunk-states", ID: "list-trunk-states", Short: "List how the trunks do now", Scope: read, Needs: a.Running}, a.listTrunkStates)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/trunks", ID: "add-trunk", Short: "Make a trunk", Scope: write,
		Status: http.StatusCreated, Event: "trunk.added"}, a.addTrunk)
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/trunks/import", ID: "import-trunks", Short: "Make several trunks, all or none",
		Scope: write, Event: "trunks.imported", Body: op.MaxBody}, a.importTrunks)
	op.Change(set, op.Op{Method: http.MethodPatch, Path: "/trunks/{trunk}", ID: "change-trunk", Short: "Change a trunk",
		Long: "Counts for the next call; calls under way go on.", Scope: write, Event: "trunk.changed", Body: op.MaxBody}, a.changeTrunk)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/trunks/{trunk}", ID: "remove-trunk", Short: "Remove a trunk",
		Long: "No new call takes it; calls under way go on.", Scope: write, Event: "trunk.removed"}, a.removeTrunk)
}

func shownTrunk(t *gateways.Trunk) Trunk {
	s := Trunk{Name: t.Name, Note: t.Note, Disabled: t.Disabled, Draining: t.Draining, Addresses: t.Addresses,
		TLSNames: t.TLSNames, Users: t.Users, Domain: t.Domain, Account: t.Account, Register: string(t.Register), For: t.RegisterFor.String(),
		User: t.Digest.User, Realm: t.Digest.Realm, HasSecret: t.Digest.Secret != "",
		Numbers: t.Numbers, Country: t.Country, Prefixes: t.Prefixes, Priority: t.Priority, Cost: t.Cost, Weight: t.Weight, Hours: t.Hours, Group: t.Group, TrunkGroup: t.TrunkGroup,
		Channels: t.Channels, ChannelsIn: t.ChannelsIn, ChannelsOut: t.ChannelsOut, Rate: t.Rate, RateIn: t.RateIn,
		Dialect: cmp.Or(t.Dialect, dialect.Generic), TrunkManner: shownManner(t.Speaks()), Codecs: t.Offers(),
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
	set(&t.Draining, c.Draining)
	set(&t.Addresses, c.Addresses)
	set(&t.TLSNames, c.TLSNames)
	set(&t.Users, c.Users)
	set(&t.Domain, c.Domain)
	set(&t.Account, c.Account)
	set(&t.Register, (*gateways.Register)(c.Register))
	if c.For != nil {
		if t.RegisterFor, err = time.ParseDuration(*c.For); err != nil {
			return problem.Invalid("invalid", "register_for "+*c.For+" is not a duration", "write it as 10m")
		}
	}
	set(&t.Digest.User, c.User)
	set(&t.Digest.Realm, c.Realm)
	set(&t.Digest.Secret, (*gateways.Secret)(c.Secret))
	if t.Digest.User == "" && c.Secret == nil {
		t.Digest.Secret = "" // it is nobody's any more
	}
	set(&t.Numbers, c.Numbers)
	set(&t.Country, c.Country)
	set(&t.Prefixes, c.Prefixes)
	set(&t.Codecs, c.Codecs)
	c.applyShares(t)
	c.applyManner(t)
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

func (c *TrunkChange) applyShares(t *gateways.Trunk) {
	set(&t.Priority, c.Priority)
	set(&t.Cost, c.Cost)
	set(&t.Weight, c.Weight)
	set(&t.Hours, c.Hours)
	set(&t.Group, c.Group)
	set(&t.TrunkGroup, c.TrunkGroup)
	set(&t.Channels, c.Channels)
	set(&t.ChannelsIn, c.ChannelsIn)
	set(&t.ChannelsOut, c.ChannelsOut)
	set(&t.Rate, c.Rate)
	set(&t.RateIn, c.RateIn)
}

func (c *TrunkChange) applyManner(t *gateways.Trunk) {
	set(&t.Dialect, c.Dialect)
	set(&t.Format, (*dialect.Format)(c.Format))
	set(&t.CallerID, (*dialect.CallerID)(c.CallerID))
	set(&t.UserPhone, (*dialect.Switch)(c.UserPhone))
	set(&t.Reliable, (*dialect.Switch)(c.Reliable))
	set(&t.Early, (*dialect.Early)(c.Early))
	set(&t.Keys, (*dialect.Keys)(c.Keys))
	set(&t.Diversion, (*dialect.Diversion)(c.Diversion))
	set(&t.Manner.Media, (*dialect.Media)(c.Encryption))
	set(&t.Probe, (*dialect.Probe)(c.Probe))
	set(&t.Ported, (*dialect.Switch)(c.Ported))
	set(&t.Redirects, (*dialect.Redirects)(c.Redirects))
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
				return nil, problem.Invalid("invalid", "source "+s+" is not an address", "write 192.0.2.10 or a network, 192.0.2.0/24")
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

// trunk is a trunk as shown, and as a change finds it.
func (a *nouns) trunk(name string) (Trunk, error) {
	t := a.Trunks.Table().ByName(name)
	if t == nil {
		return Trunk{}, problem.Unknown("trunk_unknown", "there is no trunk "+name, "see: tandem trunks list")
	}
	return shownTrunk(t), nil
}

func (a *nouns) listTrunks(_ context.Context, in *struct{ op.Paging }) (op.Page[Trunk], error) {
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

func (a *nouns) showTrunk(_ context.Context, in *TrunkPath) (Trunk, error) { return a.trunk(in.Trunk) }

func (a *nouns) listTrunkStates(_ context.Context, in *struct{ op.Paging }) (op.Page[TrunkState], error) {
	return op.Paginate(in.Paging, func(t TrunkState) string { return t.Name }, func(after string) iter.Seq[TrunkState] {
		return func(yield func(TrunkState) bool) {
			for _, t := range a.Trunks.Table().All() {
				_, since, why := t.Health()
				if t.Name > after && !yield(TrunkState{t.Name, t.State().String(), since, why, t.Calls(), t.Channels, a.registration(t.Name)}) {
					return
				}
			}
		}
	})
}

func (a *nouns) addTrunk(ctx context.Context, do *op.Doing, in *struct{ Body NewTrunk }) (Trunk, error) {
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

func (a *nouns) importTrunks(ctx context.Context, do *op.Doing, in *struct{ Body NewTrunks }) (out ImportedTrunks, err error) {
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
func (a *nouns) beginTrunk(ctx context.Context, do *op.Doing, name string) error {
	return do.Begin(ctx, op.Resource("trunks", name), func() (any, error) {
		return a.trunk(name)
	})
}

func (a *nouns) changeTrunk(ctx context.Context, do *op.Doing, in *struct {
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

func (a *nouns) removeTrunk(ctx context.Context, do *op.Doing, in *TrunkPath) (Trunk, error) {
	if err := a.beginTrunk(ctx, do, in.Trunk); err != nil {
		return Trunk{}, err
	}
	return do.Before.(Trunk), a.Trunks.Remove(ctx, in.Trunk)
}
