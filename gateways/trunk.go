package gateways

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
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
	Digest   Digest   `json:"digest,omitzero"`

	// Numbers are ours and called through the trunk: "+4930123450", or a block
	// as "+493012345*". Without any, calls for the number of any user come in.
	Numbers []string `json:"numbers,omitempty"`
	// Prefixes of the numbers that may be called through the trunk: "+49", or
	// "*" for all. Without any the trunk takes no calls out.
	Prefixes []string `json:"prefixes,omitempty"`
	Priority int      `json:"priority,omitempty"` // among trunks of the same prefix; the lowest first
	Weight   int      `json:"weight,omitempty"`   // share of calls among equals in priority; 0 counts as 1
	Channels int      `json:"channels,omitempty"` // calls at a time, both directions together; 0 = no limit

	Format   Format   `json:"format,omitempty"`    // of numbers sent to the trunk
	CallerID CallerID `json:"caller_id,omitempty"` // where the caller's number stands
	Out      []Rule   `json:"out,omitempty"`       // change the called number on the way out; the first that matches
	In       []Rule   `json:"in,omitempty"`        // change the called number on the way in; the first that matches

	Codecs []string `json:"codecs,omitempty"` // it accepts, best first, named as in SDP; none = all
	Media  Media    `json:"media,omitempty"`  // whether sound is encrypted
	Probe  Probe    `json:"probe,omitempty"`  // how it is found out whether it is there

	live *live // shared by all versions of the trunk; nil outside a Table
}

// clone is a copy that shares nothing with t but its state.
func (t Trunk) clone() Trunk {
	t.Addresses, t.Sources, t.TLSNames = slices.Clone(t.Addresses), slices.Clone(t.Sources), slices.Clone(t.TLSNames)
	t.Numbers, t.Prefixes, t.Codecs = slices.Clone(t.Numbers), slices.Clone(t.Prefixes), slices.Clone(t.Codecs)
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

// Format is how numbers are written toward a trunk.
type Format string

// The formats. The zero value is FormatE164.
const (
	FormatE164   Format = "e164"   // +49301234567
	FormatDigits Format = "digits" // 49301234567
)

// CallerID is the header in which a trunk expects the caller's number.
type CallerID string

// The places of a caller's number. The zero value is CallerAsserted.
const (
	CallerAsserted CallerID = "pai"  // P-Asserted-Identity (RFC 3325) and From
	CallerRemote   CallerID = "rpid" // Remote-Party-ID, for gateways of old, and From
	CallerFrom     CallerID = "from" // From alone
)

// Media is whether a trunk's sound is encrypted (SRTP, RFC 3711).
type Media string

// The kinds of media security. The zero value is MediaOff.
const (
	MediaOff     Media = "off"
	MediaPrefer  Media = "prefer"  // offered, and done without where refused
	MediaRequire Media = "require" // no call without
)

// Probe is how it is found out whether a trunk is there, besides by calls.
type Probe string

// The probes. The zero value is ProbeOptions.
const (
	ProbeOptions Probe = "options" // OPTIONS every half minute, more often when something speaks against it
	ProbeOff     Probe = "off"     // for gateways that do not bear it
)

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

// Called is a number, in E.164 with '+', as the trunk wants it called.
func (t *Trunk) Called(number string) string {
	if changed, ok := apply(t.Out, number); ok {
		return changed
	}
	return t.Form(number)
}

// Form is a number, in E.164 with '+', as the trunk wants numbers written. Out
// does not count: it is for callers' numbers.
func (t *Trunk) Form(number string) string {
	if t.Format == FormatDigits {
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
	if t.Format == FormatDigits && len(digits) >= minDigits && digits[0] != '0' && isNumber(digits, false) {
		return "+" + number
	}
	return number
}

// minDigits is the least a number has with its country's code: what is shorter
// is local.
const minDigits = 8

// URI is where a call for a number goes at one of the trunk's Addresses.
func (t *Trunk) URI(address int, number string) string {
	scheme, rest, _ := strings.Cut(t.Addresses[address], ":")
	uri := scheme + ":" + t.Called(number) + "@" + rest
	if !strings.Contains(rest, ";user=") {
		uri += ";user=phone" // RFC 3261 §19.1.1
	}
	return uri
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
