package trunks

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tandem/cmd/tandem/api/trunks"
	"tandem/cmd/tandem/command"
	"tandem/gateways/dialect"
)

// trunkFlags are what a trunk is made of. Flags that are not given leave it as
// it is.
type trunkFlags struct {
	addresses, sources, tlsNames, numbers, prefixes, codecs, out, in  []string
	users, hours                                                      []string
	note, user, realm, secretFile, domain, account, register          string
	group, trunkGroup, dialect, country                               string
	priority, weight, channels, channelsIn, channelsOut, rate, rateIn int
	cost                                                              float64
	registerFor                                                       time.Duration
	disabled                                                          bool
	manner                                                            [11]string
}

// mannerFlags are the flags of a trunk's manner.
var mannerFlags = [...]struct{ name, usage string }{
	{"format", "of numbers sent to it: e164 (+49301234) or digits (49301234)"},
	{"caller-id", "header of the caller's number: pai, rpid or from"},
	{"user-phone", "mark numbers in URIs with user=phone: on or off"},
	{"reliable", "reliable provisional responses (100rel): on or off"},
	{"early-media", "sound before the answer: pass or ignore"},
	{"dtmf", "how keys are sent: events (RFC 4733), inband or info"},
	{"diversion", "header that tells who forwarded a call: both, diversion, history or none"},
	{"encryption", "of its sound (SRTP): off, prefer or require"},
	{"redirects", "when it answers with another address (3xx): refuse, and the next trunk is tried, or follow, as far as policy and limits let the call"},
	{"ported", "tell it how a number is ported, where ENUM says so (npdi, rn; RFC 4694): on or off"},
	{"probe", "how it is found out whether it is there: options, or off where it does not bear that"},
}

func (f *trunkFlags) define(s *pflag.FlagSet) {
	s.StringArrayVar(&f.addresses, "address", nil, "where it is: 192.0.2.10:5060, gw.example.com or sip:gw.example.com;transport=tls; repeated: tried in order")
	s.StringArrayVar(&f.sources, "source", nil, "address or network its calls come from (default: its addresses); may be repeated")
	s.StringArrayVar(&f.tlsNames, "tls-name", nil, "name in its certificate that proves a connection is its; may be repeated")
	s.StringArrayVar(&f.prefixes, "prefix", nil, "beginning of numbers called through it, +49, or * for all; may be repeated")
	s.StringArrayVar(&f.numbers, "number", nil, "number of ours called through it, +4930123450, or a block, +493012345*; may be repeated")
	s.StringArrayVar(&f.codecs, "codec", nil, "codec it accepts, best first; may be repeated (default: all)")
	s.StringArrayVar(&f.out, "out", nil, "BEGINNING=REPLACEMENT of called numbers on the way out, as +49=0; the first that matches; may be repeated")
	s.StringArrayVar(&f.in, "in", nil, "BEGINNING=REPLACEMENT of called numbers on the way in, as 0=+49; may be repeated")
	s.StringVar(&f.country, "country", "", "country whose numbers it writes without the country's code, as GB (default: the server's)")
	s.IntVar(&f.priority, "priority", 0, "among trunks of the same prefix, the lowest first")
	s.IntVar(&f.weight, "weight", 1, "share of calls among trunks of the same priority")
	s.IntVar(&f.channels, "channels", 0, "calls at a time, 0 for no limit")
	s.StringVar(&f.user, "user", "", "user by which this server proves to it who it is (digest)")
	s.StringVar(&f.realm, "realm", "", "realm of the digest (default: any it names)")
	s.StringVar(&f.secretFile, "secret-file", "", "file with the password of the digest, - for standard input")
	s.StringArrayVar(&f.users, "login", nil, "user of this server by whose password it proves who it is, sip:gw@example.com; may be repeated")
	s.StringVar(&f.domain, "domain", "", "the provider's domain, for Request-URI, To and From (default: the address, and our domain in From)")
	s.StringVar(&f.account, "account", "", "user of our address at the provider (default: --user)")
	s.StringVar(&f.register, "register", "off", "register with it: off, line (one address) or bulk (all numbers, RFC 6140)")
	s.DurationVar(&f.registerFor, "register-for", 10*time.Minute, "how long a registration is asked for")
	s.IntVar(&f.channelsIn, "channels-in", 0, "calls at a time that come in, 0 for no limit")
	s.IntVar(&f.channelsOut, "channels-out", 0, "calls at a time that go out, 0 for no limit")
	s.IntVar(&f.rate, "rate", 0, "calls out that may begin in a second, 0 for no limit")
	s.IntVar(&f.rateIn, "rate-in", 0, "calls in that may begin in a second, 0 for no limit")
	s.Float64Var(&f.cost, "cost", 0, "price of a minute; among trunks of the same priority the lowest first")
	s.StringArrayVar(&f.hours, "hours", nil, "when it takes calls out, \"mon-fri 08:00-18:00\"; may be repeated (default: always)")
	s.StringVar(&f.group, "group", "", "trunk group it is in (RFC 4904)")
	s.StringVar(&f.trunkGroup, "trunk-group", "", "the gateway's own trunk group, LABEL@CONTEXT: calls out ask for it, calls in that name it are this trunk's (RFC 4904)")
	s.StringVar(&f.dialect, "dialect", dialect.Generic, "of its maker: "+strings.Join(dialect.Names(), ", "))
	for i, m := range mannerFlags {
		s.StringVar(&f.manner[i], m.name, "", m.usage+" (default: as its dialect)")
	}
	s.StringVar(&f.note, "note", "", "note for people")
	s.BoolVar(&f.disabled, "disabled", false, "take no calls, in either direction")
}

// change is what the flags given say. A list given as "" becomes empty.
func (f *trunkFlags) change(c *cobra.Command) (out trunks.TrunkChange, err error) {
	given := c.Flags().Changed
	pick(&out.Addresses, some(f.addresses), given("address"))
	pick(&out.Sources, some(f.sources), given("source"))
	pick(&out.TLSNames, some(f.tlsNames), given("tls-name"))
	pick(&out.Prefixes, some(f.prefixes), given("prefix"))
	pick(&out.Numbers, some(f.numbers), given("number"))
	pick(&out.Codecs, some(f.codecs), given("codec"))
	pick(&out.Country, f.country, given("country"))
	pick(&out.Priority, f.priority, given("priority"))
	pick(&out.Weight, f.weight, given("weight"))
	pick(&out.Channels, f.channels, given("channels"))
	pick(&out.User, f.user, given("user"))
	pick(&out.Realm, f.realm, given("realm"))
	pick(&out.Users, some(f.users), given("login"))
	pick(&out.Domain, f.domain, given("domain"))
	pick(&out.Account, f.account, given("account"))
	pick(&out.Register, f.register, given("register"))
	pick(&out.For, f.registerFor.String(), given("register-for"))
	pick(&out.ChannelsIn, f.channelsIn, given("channels-in"))
	pick(&out.ChannelsOut, f.channelsOut, given("channels-out"))
	pick(&out.Rate, f.rate, given("rate"))
	pick(&out.RateIn, f.rateIn, given("rate-in"))
	pick(&out.Cost, f.cost, given("cost"))
	pick(&out.Hours, some(f.hours), given("hours"))
	pick(&out.Group, f.group, given("group"))
	pick(&out.TrunkGroup, f.trunkGroup, given("trunk-group"))
	pick(&out.Dialect, f.dialect, given("dialect"))
	for i, to := range []**string{&out.Format, &out.CallerID, &out.UserPhone, &out.Reliable, &out.Early, &out.Keys,
		&out.Diversion, &out.Encryption, &out.Redirects, &out.Ported, &out.Probe} {
		pick(to, f.manner[i], given(mannerFlags[i].name))
	}
	pick(&out.Note, f.note, given("note"))
	pick(&out.Disabled, f.disabled, given("disabled"))
	for _, r := range []struct {
		to   **[]trunks.TrunkRule
		from []string
		flag string
	}{{&out.Out, f.out, "out"}, {&out.In, f.in, "in"}} {
		rules, err := trunkRules(r.flag, some(r.from))
		if err != nil {
			return out, err
		}
		pick(r.to, rules, given(r.flag))
	}
	if given("secret-file") {
		secret, err := readSecret(c, f.secretFile)
		if err != nil {
			return out, err
		}
		out.Secret = &secret
	}
	return out, nil
}

func pick[T any](to **T, v T, given bool) {
	if given {
		*to = &v
	}
}

// some is a list without empty elements, and never nil.
func some(list []string) []string {
	out := []string{}
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// trunkRules reads "+49=0": what begins so begins otherwise.
func trunkRules(flag string, list []string) ([]trunks.TrunkRule, error) {
	rules := []trunks.TrunkRule{}
	for _, text := range list {
		begin, add, ok := strings.Cut(text, "=")
		if !ok {
			return nil, command.Usage("--%s %q: write BEGINNING=REPLACEMENT, as +49=0", flag, text)
		}
		rules = append(rules, trunks.TrunkRule{Match: begin, Strip: len(begin), Add: add})
	}
	return rules, nil
}

// readSecret reads the first line of a file.
func readSecret(c *cobra.Command, path string) (string, error) {
	in := c.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return "", err
	}
	secret, _, _ := strings.Cut(string(b), "\n")
	if secret = strings.TrimSuffix(secret, "\r"); secret == "" {
		return "", fmt.Errorf("%s has no password in its first line", path)
	}
	return secret, nil
}
