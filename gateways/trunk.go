package gateways

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/gateways/dialect"
	"tandem/gateways/hours"
)

// Trunk is one way to the telephone network. The exported fields are its
// configuration; a Trunk of a Table is shared and must not be changed.
type Trunk struct {
	Name     string `json:"name"`
	Note     string `json:"note,omitempty"`     // for people
	Disabled bool   `json:"disabled,omitempty"` // takes no calls, in either direction

	// Addresses are SIP URIs without a user, in the order in which they are
	// tried. A host that is a domain is found by NAPTR and SRV (RFC 3263).
	Addresses []string `json:"addresses"`
	// Sources are the networks its requests come from. Without any they come from
	// its Addresses.
	Sources []netip.Prefix `json:"sources,omitempty"`
	// TLSNames are names in its client certificate, any of which proves it.
	TLSNames []string `json:"tls_names,omitempty"`
	// Users of the directory, as addresses of record, by whose credentials it
	// proves who it is (digest with this server as the one that asks).
	Users  []string `json:"users,omitempty"`
	Digest Digest   `json:"digest,omitzero"`

	// Domain is the provider's: the host in the Request-URI, To and From of calls
	// and of registrations. Without one the host of the address tried stands
	// there, and From has our own domain.
	Domain      string        `json:"domain,omitempty"`
	Account     string        `json:"account,omitempty"` // user of our address at the provider; "" is that of Digest
	Register    Register      `json:"register,omitempty"`
	RegisterFor time.Duration `json:"register_for,omitempty"` // asked for, 0 = 10 min; the provider may grant less

	// Numbers are ours and called through the trunk: "+4930123450", or a block
	// as "+493012345*". Without any, calls for the number of any user come in.
	Numbers []string `json:"numbers,omitempty"`
	// Country is where the trunk is, ISO 3166-1: numbers that it writes without
	// their country's code are of that one. "" is the server's own.
	Country string `json:"country,omitempty"`
	// Prefixes of the numbers that may be called through the trunk: "+49", or
	// "*" for all. Without any the trunk takes no calls out.
	Prefixes []string `json:"prefixes,omitempty"`
	Priority int      `json:"priority,omitempty"` // among trunks of the same prefix; the lowest first
	Cost     float64  `json:"cost,omitempty"`     // of a minute, among trunks of the same priority; the lowest first
	Weight   int      `json:"weight,omitempty"`   // share of calls among equals in priority and cost; 0 counts as 1
	Hours    []string `json:"hours,omitempty"`    // when it takes calls out, "mon-fri 08:00-18:00"; none = always
	Group    string   `json:"group,omitempty"`    // the trunk group of ours it is in (RFC 4904)
	// TrunkGroup is the gateway's own, LABEL@CONTEXT (RFC 4904): calls out ask for it,
	// and calls in that name it are this trunk's, of those that share its addresses.
	TrunkGroup string `json:"trunk_group,omitempty"`

	Channels    int  `json:"channels,omitempty"`     // calls at a time, both directions together; 0 = no limit
	ChannelsIn  int  `json:"channels_in,omitempty"`  // calls at a time that come in; 0 = no limit
	ChannelsOut int  `json:"channels_out,omitempty"` // calls at a time that go out; 0 = no limit
	Rate        int  `json:"rate,omitempty"`         // calls out that may begin in a second; 0 = no limit
	RateIn      int  `json:"rate_in,omitempty"`      // calls in that may begin in a second; 0 = no limit
	Draining    bool `json:"draining,omitempty"`     // takes no new calls; it stays registered and is still asked how it is

	Dialect        string `json:"dialect,omitempty"` // of its maker, see package dialect
	dialect.Manner        // what differs from the dialect
	Out            []Rule `json:"out,omitempty"` // change the called number on the way out; the first that matches
	In             []Rule `json:"in,omitempty"`  // change the called number on the way in; the first that matches

	Codecs []string `json:"codecs,omitempty"` // it accepts, best first, named as in SDP; none = the dialect's

	spoken dialect.Manner // its own, and the dialect's where it says nothing; of a Table
	hours  hours.Week     // Hours, of a Table
	live   *live          // shared by all versions of the trunk; nil outside a Table
}

// clone is a copy that shares nothing with t but its state.
func (t Trunk) clone() Trunk {
	t.Addresses, t.Sources, t.TLSNames = slices.Clone(t.Addresses), slices.Clone(t.Sources), slices.Clone(t.TLSNames)
	t.Users = slices.Clone(t.Users)
	t.Numbers, t.Prefixes, t.Codecs = slices.Clone(t.Numbers), slices.Clone(t.Prefixes), slices.Clone(t.Codecs)
	t.Hours = slices.Clone(t.Hours)
	t.Out, t.In = slices.Clone(t.Out), slices.Clone(t.In)
	return t
}

// Digest is how we prove to the trunk who we are (RFC 3261 §22). User "" means
// that it asks for nothing.
type Digest struct {
	User   string `json:"user,omitempty"`
	Realm  string `json:"realm,omitempty"` // "" = any it names
	Secret Secret `json:"-"`               // stands nowhere but sealed in the store
}

// Secret is a password. It does not show itself in logs, texts and JSON.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Rule changes a number that begins with Match: Strip characters leave its
// front ('+' counts), then Add is put there.
type Rule struct {
	Match string `json:"match,omitempty"` // "" matches every number
	Strip int    `json:"strip,omitempty"`
	Add   string `json:"add,omitempty"`
}

// apply changes a number by the first rule that matches it.
func apply(rules []Rule, number string) (changed string, ok bool) {
	for _, r := range rules {
		if strings.HasPrefix(number, r.Match) {
			return r.Add + number[min(r.Strip, len(number)):], true
		}
	}
	return number, false
}

// Speaks is how the trunk is spoken to: its own manner, and that of its dialect
// where it has none.
func (t *Trunk) Speaks() dialect.Manner {
	if t.live == nil { // outside a Table
		d, _ := dialect.Of(t.Dialect)
		return t.Manner.Or(d.Manner)
	}
	return t.spoken
}

// Offers are the codecs the trunk is offered, best first; none = all.
func (t *Trunk) Offers() []string {
	if len(t.Codecs) > 0 {
		return t.Codecs
	}
	d, _ := dialect.Of(t.Dialect)
	return d.Codecs
}

// called is a number, in E.164 with '+', as the trunk wants it called.
func (t *Trunk) called(number string) string {
	if changed, ok := apply(t.Out, number); ok {
		return changed
	}
	return t.Form(number)
}

// Form is a number, in E.164 with '+', as the trunk wants numbers written. Out
// does not count: it is for callers' numbers.
func (t *Trunk) Form(number string) string {
	if t.Speaks().Format == dialect.FormatDigits {
		return strings.TrimPrefix(number, "+")
	}
	return number
}

// Received is a number called through the trunk as we read numbers. It may have
// parameters (RFC 3966 §3).
func (t *Trunk) Received(number string) string {
	if changed, ok := apply(t.In, number); ok {
		return changed
	}
	return t.Caller(number)
}

// Caller is a caller's number that the trunk names as we read numbers: a trunk
// that writes digits alone means numbers with '+'.
func (t *Trunk) Caller(number string) string {
	digits, _, _ := strings.Cut(number, ";")
	if t.Speaks().Format == dialect.FormatDigits && len(digits) >= minDigits && digits[0] != '0' && isNumber(digits, false) {
		return "+" + number
	}
	return number
}

// minDigits is the least a number has with its country's code: what is shorter
// is local.
const minDigits = 8

// URI is the Request-URI of a call for a number by one of the trunk's Addresses.
// With a Domain that stands in it, and the address is only where it is sent.
func (t *Trunk) URI(address int, number string) string {
	scheme, rest, _ := strings.Cut(t.Addresses[address], ":")
	if t.Domain != "" {
		scheme, rest = "sip", t.Domain
	}
	uri := scheme + ":" + t.called(number) + t.groupParams() + "@" + rest
	if t.Speaks().UserPhone == dialect.On && !strings.Contains(rest, ";user=") {
		uri += ";user=phone" // RFC 3261 §19.1.1
	}
	return uri
}

// groupParams name the trunk group that a call is to take (RFC 4904 §4), "" for none.
func (t *Trunk) groupParams() string {
	label, context, ok := strings.Cut(t.TrunkGroup, "@")
	if !ok {
		return ""
	}
	return ";tgrp=" + label + ";trunk-context=" + context
}

// PortedURI is URI for a number of which is known how it is ported (RFC 4694 §3): routing
// is the number that leads there, in E.164 with '+', "" for one that is not ported. A
// trunk that does not want to know is told nothing.
func (t *Trunk) PortedURI(address int, number, routing string) string {
	uri := t.URI(address, number)
	if t.Speaks().Ported != dialect.On {
		return uri
	}
	params := ";npdi"
	if routing != "" {
		params += ";rn=" + routing
	}
	return strings.Replace(uri, "@", params+"@", 1)
}

// Next is the next hop of a call by one of the trunk's Addresses, "" where its URI
// tells.
func (t *Trunk) Next(address int) string {
	if t.Domain == "" {
		return ""
	}
	return t.Addresses[address]
}

// Owns reports whether calls for a number, in E.164 with '+', may come in by
// the trunk.
func (t *Trunk) Owns(number string) bool {
	if len(t.Numbers) == 0 {
		return true
	}
	for _, n := range t.Numbers {
		if block, ok := strings.CutSuffix(n, "*"); n == number || ok && strings.HasPrefix(number, block) {
			return true
		}
	}
	return false
}
