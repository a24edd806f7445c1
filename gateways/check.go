package gateways

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"tandem/gateways/dialect"
	"tandem/gateways/hours"
	"tandem/rtc/sip"
	"tandem/telephony/number"
)

// Errors of changes. What is returned wraps one of them and names the remedy.
var (
	ErrExists  = errors.New("the name is taken")
	ErrUnknown = errors.New("no such trunk")
	ErrInvalid = errors.New("not allowed")
	ErrTooMany = errors.New("too many")
)

// Limits of what administrators can make the server hold.
const (
	MaxTrunks   = 1000
	MaxPrefixes = 100000 // of all trunks together, numbers owned included
	maxPrefix   = 32     // octets
	maxList     = 64     // addresses, sources, names, rules and codecs of a trunk, each
)

// normalise checks a trunk and brings its fields into the one form they are
// compared in. The error names the field and the remedy.
func (t *Trunk) normalise() error {
	for _, check := range []func(*Trunk) error{
		(*Trunk).checkName, (*Trunk).checkAddresses, (*Trunk).checkIdentity,
		(*Trunk).checkRegister, (*Trunk).checkNumbers, (*Trunk).checkShares, (*Trunk).checkForms, (*Trunk).checkCodecs,
	} {
		if err := check(t); err != nil {
			return fmt.Errorf("trunk %q: %w", t.Name, err)
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

const nameChars = "abcdefghijklmnopqrstuvwxyz0123456789-_."

func (t *Trunk) checkName() error {
	if t.Name == "" || len(t.Name) > 64 || strings.Trim(t.Name, nameChars) != "" {
		return invalid("a name has 1 to 64 of the characters a-z 0-9 - _ and .")
	}
	if len(t.Note) > 1000 {
		return invalid("note: keep it below 1,000 octets")
	}
	return nil
}

func (t *Trunk) checkAddresses() error {
	if len(t.Addresses) == 0 || len(t.Addresses) > maxList {
		return invalid("addresses: give 1 to %d, such as sip:192.0.2.10:5060 or sip:gw.example.com;transport=tls", maxList)
	}
	t.Addresses = slices.Clone(t.Addresses)
	for i, a := range t.Addresses {
		if !strings.HasPrefix(a, "sip:") && !strings.HasPrefix(a, "sips:") {
			a = "sip:" + a
		}
		u, err := sip.ParseURI([]byte(a))
		switch {
		case err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS:
			return invalid("address %q: write a SIP URI such as sip:gw.example.com:5060;transport=tcp", a)
		case u.User != nil:
			return invalid("address %q: leave out the user before @; the number called takes its place", a)
		case u.Headers != nil:
			return invalid("address %q: leave out what follows '?'", a)
		}
		if p, ok := u.Param("transport"); ok && !slices.Contains([]string{"udp", "tcp", "tls", "ws", "wss"}, strings.ToLower(string(p))) {
			return invalid("address %q: transport is udp, tcp, tls, ws or wss", a)
		}
		if slices.Contains(t.Addresses[:i], a) {
			return invalid("address %q stands there twice", a)
		}
		t.Addresses[i] = a
	}
	return nil
}

func (t *Trunk) checkIdentity() error {
	if len(t.Sources) > maxList || len(t.TLSNames) > maxList {
		return invalid("sources and tls_names: at most %d of each", maxList)
	}
	t.Sources = slices.Clone(t.Sources)
	for i, p := range t.Sources {
		if !p.IsValid() {
			return invalid("source: write an address or a network such as 192.0.2.0/24")
		}
		if p.Bits() == 0 {
			return invalid("source %s is everybody: name the trunk's own networks", p)
		}
		t.Sources[i] = unmap(p).Masked()
	}
	t.TLSNames = slices.Clone(t.TLSNames)
	for i, n := range t.TLSNames {
		if n == "" || strings.ContainsAny(n, " /:@*") {
			return invalid("TLS name %q: write a host name as it stands in the certificate, without wildcard", n)
		}
		t.TLSNames[i] = strings.ToLower(strings.TrimSuffix(n, "."))
	}
	if len(t.Users) > maxList {
		return invalid("users: at most %d", maxList)
	}
	t.Users = slices.Clone(t.Users)
	for i, u := range t.Users {
		uri, err := sip.ParseURI([]byte(u))
		if err != nil || uri.User == nil {
			return invalid("user %q: write the address of a user of this server, sip:gw@example.com", u)
		}
		t.Users[i] = string(uri.AppendAOR(nil))
	}
	if t.Digest.User == "" && t.Digest.Secret != "" {
		return invalid("digest: the secret has no user; give both or neither")
	}
	if strings.ContainsFunc(t.Digest.User+t.Digest.Realm, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid("digest: control characters in user or realm")
	}
	return nil
}

// unmap makes ::ffff:192.0.2.0/120 the network 192.0.2.0/24 that it is.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

func (t *Trunk) checkNumbers() error {
	t.Numbers = slices.Clone(t.Numbers)
	for i, n := range t.Numbers {
		n = compact(n)
		digits := strings.TrimSuffix(n, "*")
		if !strings.HasPrefix(digits, "+") || len(digits) < 3 || !isNumber(digits[1:], false) || len(n) > maxPrefix {
			return invalid("number %q: write + and digits, +4930123450, or a block with * at its end, +493012345*", n)
		}
		t.Numbers[i] = n
	}
	if t.Country = strings.ToUpper(t.Country); t.Country != "" && !number.Known(t.Country) {
		return invalid("country %q is unknown: give its two letters of ISO 3166-1, such as DE or US", t.Country)
	}
	t.Prefixes = slices.Clone(t.Prefixes)
	for i, p := range t.Prefixes {
		p = compact(p)
		if p != "*" && (!isNumber(strings.TrimPrefix(p, "+"), true) && p != "+" || len(p) > maxPrefix) {
			return invalid("prefix %q: write the beginning of a number such as +49, or * for all", p)
		}
		t.Prefixes[i] = p
	}
	slices.Sort(t.Numbers)
	slices.Sort(t.Prefixes)
	t.Numbers, t.Prefixes = slices.Compact(t.Numbers), slices.Compact(t.Prefixes)
	return nil
}

// compact drops visual separators (RFC 3966 §5.1.1) and blanks.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, s)
}

// isNumber is whether s has digits alone, or keys of a telephone.
func isNumber(s string, keys bool) bool {
	set := "0123456789"
	if keys {
		set += "#*"
	}
	return s != "" && strings.Trim(s, set) == "" && s != "*"
}

func (t *Trunk) checkShares() error {
	if len(t.Hours) > maxList {
		return invalid("hours: at most %d", maxList)
	}
	if _, err := hours.Parse(t.Hours); err != nil {
		return invalid("hours: %w", err)
	}
	switch {
	case t.Cost < 0 || t.Cost > 1e6 || math.IsNaN(t.Cost):
		return invalid("cost %v: it is the price of a minute, 0 to 1000000", t.Cost)
	case t.TrunkGroup != "" && !trunkGroup(t.TrunkGroup):
		return invalid("trunk group %q: write LABEL@CONTEXT as the gateway has it, such as tg1@gw.example.net", t.TrunkGroup)
	case t.Group != "" && (len(t.Group) > 64 || strings.Trim(t.Group, nameChars) != ""):
		return invalid("group %q: it has 1 to 64 of the characters a-z 0-9 - _ and .", t.Group)
	case outside(t.Rate, 10000) || outside(t.RateIn, 10000):
		return invalid("rate %d, rate_in %d: it is how many calls may begin in a second, 0 to 10000", t.Rate, t.RateIn)
	case outside(t.ChannelsIn, 1000000) || outside(t.ChannelsOut, 1000000):
		return invalid("channels_in %d, channels_out %d: it is the number of calls at a time, or 0 for no limit", t.ChannelsIn, t.ChannelsOut)
	case t.Priority < 0 || t.Priority > 65535:
		return invalid("priority %d: it is 0 to 65535, the lowest first", t.Priority)
	case t.Weight < 0 || t.Weight > 65535:
		return invalid("weight %d: it is 0 to 65535", t.Weight)
	case t.Channels < 0 || t.Channels > 1000000:
		return invalid("channels %d: it is the number of calls at a time, or 0 for no limit", t.Channels)
	}
	return nil
}

func outside(n, most int) bool { return n < 0 || n > most }

func (t *Trunk) checkForms() error {
	if _, ok := dialect.Of(t.Dialect); !ok {
		return invalid("dialect %q is unknown: use %s", t.Dialect, strings.Join(dialect.Names(), ", "))
	}
	if err := t.Manner.Check(); err != nil {
		return invalid("%w", err)
	}
	switch {
	case len(t.Out) > maxList || len(t.In) > maxList:
		return invalid("rules: at most %d in each direction", maxList)
	}
	for _, r := range slices.Concat(t.Out, t.In) {
		switch {
		case r.Match != "" && r.Match != "+" && !isNumber(strings.TrimPrefix(r.Match, "+"), true), len(r.Match) > maxPrefix:
			return invalid("rule match %q: write the beginning of a number, or nothing for all", r.Match)
		case r.Add != "" && r.Add != "+" && !isNumber(strings.TrimPrefix(r.Add, "+"), true), len(r.Add) > maxPrefix:
			return invalid("rule add %q: write the beginning of a number", r.Add)
		case r.Strip < 0 || r.Strip > maxPrefix:
			return invalid("rule strip %d: it is how many characters leave the front, 0 to %d", r.Strip, maxPrefix)
		}
	}
	return nil
}

// codecs are the names by which people ask for a codec, and those of SDP.
var codecs = map[string]string{
	"pcmu": "PCMU", "g711u": "PCMU", "ulaw": "PCMU",
	"pcma": "PCMA", "g711a": "PCMA", "alaw": "PCMA",
	"g722": "G722", "g729": "G729", "g723": "G723", "gsm": "GSM", "ilbc": "iLBC",
	"opus": "opus", "amr": "AMR", "amr-wb": "AMR-WB",
}

func (t *Trunk) checkCodecs() error {
	if len(t.Codecs) > maxList {
		return invalid("codecs: at most %d", maxList)
	}
	t.Codecs = slices.Clone(t.Codecs)
	for i, c := range t.Codecs {
		name, ok := codecs[strings.ToLower(c)]
		if !ok {
			return invalid("codec %q is unknown: use PCMA, PCMU, G722, opus, G729, G723, GSM, iLBC, AMR or AMR-WB", c)
		}
		if slices.Contains(t.Codecs[:i], name) {
			return invalid("codec %s stands there twice", name)
		}
		t.Codecs[i] = name
	}
	return nil
}

// trunkGroup reports whether text is the label of a trunk group and its context, a domain
// or the beginning of numbers (RFC 4904 §4). Few gateways have labels of other characters.
func trunkGroup(text string) bool {
	label, context, ok := strings.Cut(strings.ToLower(text), "@")
	return ok && label != "" && context != "" && len(text) <= 128 && strings.Trim(label+strings.TrimPrefix(context, "+"), nameChars) == ""
}
