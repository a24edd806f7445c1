// Package trunks has the verbs for gateways to the telephone network.
package trunks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/problem"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/server"
	"tandem/rtc/proxy"
)

// New makes the verbs of trunks.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "trunks", Short: "Gateways and providers that lead to the telephone network"})
	c.AddCommand(newTrunksAdd(), newTrunksSet(), newTrunksList(), newTrunksShow(), newTrunksRemove(), newTrunksImportRoutes())
	return c
}

// trunkFlags are what a trunk is made of. Flags that are not given leave it as
// it is.
type trunkFlags struct {
	addresses, sources, tlsNames, numbers, prefixes, codecs, out, in   []string
	note, user, realm, secretFile, format, callerID, encryption, probe string
	priority, weight, channels                                         int
	disabled                                                           bool
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
	s.IntVar(&f.priority, "priority", 0, "among trunks of the same prefix, the lowest first")
	s.IntVar(&f.weight, "weight", 1, "share of calls among trunks of the same priority")
	s.IntVar(&f.channels, "channels", 0, "calls at a time, 0 for no limit")
	s.StringVar(&f.user, "user", "", "user by which this server proves to it who it is (digest)")
	s.StringVar(&f.realm, "realm", "", "realm of the digest (default: any it names)")
	s.StringVar(&f.secretFile, "secret-file", "", "file with the password of the digest, - for standard input")
	s.StringVar(&f.format, "format", "e164", "of numbers sent to it: e164 (+49301234) or digits (49301234)")
	s.StringVar(&f.callerID, "caller-id", "pai", "header of the caller's number: pai, rpid or from")
	s.StringVar(&f.encryption, "encryption", "off", "of its sound (SRTP): off, prefer or require")
	s.StringVar(&f.probe, "probe", "options", "how it is found out whether it is there: options, or off where it does not bear that")
	s.StringVar(&f.note, "note", "", "note for people")
	s.BoolVar(&f.disabled, "disabled", false, "take no calls, in either direction")
}

// change is what the flags given say. A list given as "" becomes empty.
func (f *trunkFlags) change(c *cobra.Command) (out api.TrunkChange, err error) {
	given := c.Flags().Changed
	pick(&out.Addresses, some(f.addresses), given("address"))
	pick(&out.Sources, some(f.sources), given("source"))
	pick(&out.TLSNames, some(f.tlsNames), given("tls-name"))
	pick(&out.Prefixes, some(f.prefixes), given("prefix"))
	pick(&out.Numbers, some(f.numbers), given("number"))
	pick(&out.Codecs, some(f.codecs), given("codec"))
	pick(&out.Priority, f.priority, given("priority"))
	pick(&out.Weight, f.weight, given("weight"))
	pick(&out.Channels, f.channels, given("channels"))
	pick(&out.User, f.user, given("user"))
	pick(&out.Realm, f.realm, given("realm"))
	pick(&out.Format, f.format, given("format"))
	pick(&out.CallerID, f.callerID, given("caller-id"))
	pick(&out.Encryption, f.encryption, given("encryption"))
	pick(&out.Probe, f.probe, given("probe"))
	pick(&out.Note, f.note, given("note"))
	pick(&out.Disabled, f.disabled, given("disabled"))
	for _, r := range []struct {
		to   **[]api.TrunkRule
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
func trunkRules(flag string, list []string) ([]api.TrunkRule, error) {
	rules := []api.TrunkRule{}
	for _, text := range list {
		begin, add, ok := strings.Cut(text, "=")
		if !ok {
			return nil, command.Usage("--%s %q: write BEGINNING=REPLACEMENT, as +49=0", flag, text)
		}
		rules = append(rules, api.TrunkRule{Match: begin, Strip: len(begin), Add: add})
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

func trunkPath(name string) string { return client.Path("trunks", name) }

func newTrunksAdd() *cobra.Command {
	var flags trunkFlags
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a trunk; the next call can take it",
		Long: `Make a trunk: a gateway or a provider through which numbers are called (--prefix)
and calls come in. Its addresses are then closed to everybody but calls that were
led there. Works with and without a running server.`,
		Example: `  tandem trunks add berlin --address 192.0.2.10:5060 --prefix "*" --codec PCMA --codec PCMU
  tandem trunks add provider --address "sip:sip.example.net;transport=tls" --prefix + --number "+493012345*" --user 4930123450 --secret-file secret.txt --encryption require`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change, err := flags.change(c)
			if err != nil {
				return err
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Trunk
				if err := k.Call(ctx, http.MethodPost, "/trunks", api.NewTrunk{Name: args[0], TrunkChange: change}, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printTrunk(w, out) })
			})
		},
	}
	flags.define(c.Flags())
	return c
}

func newTrunksSet() *cobra.Command {
	var flags trunkFlags
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a trunk; what is not given stays",
		Long: `Change a trunk. It counts for the next call; calls under way go on. A flag that
may be repeated replaces the whole list; given as "" it empties it.`,
		Example: `  tandem trunks set berlin --channels 30
  tandem trunks set berlin --disabled
  tandem trunks set berlin --disabled=false --number ""`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change, err := flags.change(c)
			if err != nil {
				return err
			}
			if change == (api.TrunkChange{}) {
				return command.Usage("nothing to change; see: %s --help", c.CommandPath())
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Trunk
				if err := k.Call(ctx, http.MethodPatch, trunkPath(args[0]), change, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { printTrunk(w, out) })
			})
		},
	}
	flags.define(c.Flags())
	return c
}

func newTrunksList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List trunks, and how they do while a server runs",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[api.Trunk](ctx, k, "/trunks", nil)
				if err != nil {
					return err
				}
				states, err := trunkStates(ctx, k)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "TRUNK\tSTATE\tCALLS\tPREFIXES\tNUMBERS\tADDRESSES")
					for _, t := range list {
						s := states[t.Name]
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, s.State, calls(s), few(t.Prefixes), few(t.Numbers), strings.Join(t.Addresses, " "))
					}
				})
			})
		},
	}
}

// trunkStates are the states by name, none when no server runs.
func trunkStates(ctx context.Context, k *client.Client) (map[string]api.TrunkState, error) {
	list, err := client.All[api.TrunkState](ctx, k, "/trunk-states", nil)
	if p := new(problem.Problem); errors.As(err, &p) && p.Code == "not_running" {
		return nil, nil
	}
	states := make(map[string]api.TrunkState, len(list))
	for _, s := range list {
		states[s.Name] = s
	}
	return states, err
}

func calls(s api.TrunkState) string {
	switch {
	case s.State == "":
		return ""
	case s.Channels > 0:
		return fmt.Sprintf("%d of %d", s.Calls, s.Channels)
	}
	return fmt.Sprint(s.Calls)
}

// few shows the beginning of a list.
func few(list []string) string {
	if len(list) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:3], " "), len(list)-3)
	}
	return strings.Join(list, " ")
}

func newTrunksShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show all there is to a trunk",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Trunk
				if err := k.Get(ctx, trunkPath(args[0]), &out); err != nil {
					return err
				}
				states, err := trunkStates(ctx, k)
				if err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					printTrunk(w, out)
					if s := states[out.Name]; s.State != "" {
						fmt.Fprintf(w, "state\t%s\ncalls\t%s\n", s.State, calls(s))
						if s.Why != "" {
							fmt.Fprintf(w, "since\t%s: %s\n", command.When(s.Since), s.Why)
						}
					}
				})
			})
		},
	}
}

func printTrunk(w io.Writer, t api.Trunk) {
	row := func(name, value string) {
		if value != "" && value != "0" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("trunk", t.Name)
	row("note", t.Note)
	if t.Disabled {
		row("disabled", "takes no calls")
	}
	row("addresses", strings.Join(t.Addresses, " "))
	row("sources", cmp.Or(strings.Join(t.Sources, " "), "its addresses"))
	row("TLS names", strings.Join(t.TLSNames, " "))
	row("called through it", cmp.Or(strings.Join(t.Prefixes, " "), "nothing"))
	row("numbers of ours", cmp.Or(strings.Join(t.Numbers, " "), "those of any user"))
	row("priority", fmt.Sprint(t.Priority))
	row("weight", fmt.Sprint(t.Weight))
	row("channels", fmt.Sprint(t.Channels))
	row("user", t.User)
	row("realm", t.Realm)
	if t.HasSecret {
		row("password", "set")
	}
	row("format", t.Format)
	row("caller's number", t.CallerID)
	row("changed on the way out", shownTrunkRules(t.Out))
	row("changed on the way in", shownTrunkRules(t.In))
	row("codecs", cmp.Or(strings.Join(t.Codecs, " "), "all"))
	row("encryption", t.Encryption)
	row("probe", t.Probe)
}

func shownTrunkRules(list []api.TrunkRule) string {
	var out []string
	for _, r := range list {
		if r.Strip == len(r.Match) {
			out = append(out, r.Match+"="+r.Add)
		} else {
			out = append(out, fmt.Sprintf("%s…: without %d characters, then %q in front", r.Match, r.Strip, r.Add))
		}
	}
	return strings.Join(out, " ")
}

func newTrunksRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a trunk; no new call takes it",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Trunk
				if err := k.Call(ctx, http.MethodDelete, trunkPath(args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s removed\n", out.Name) })
			})
		},
	}
}

func newTrunksImportRoutes() *cobra.Command {
	return &cobra.Command{
		Use:   "import-routes",
		Short: "Make trunks of the routes in tandem.yaml that have a prefix",
		Long: `Make trunks of the static routes in tandem.yaml that match by the beginning of a
number, all or none: routes with the same next hop become one trunk. The server
refuses such routes: delete them from the file then.`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := server.Read(command.ConfigPath(c)) // Load refuses such routes
			if err != nil {
				return err
			}
			in, notes, err := trunksOfRoutes(cfg.Routes)
			if err != nil {
				return err
			}
			return command.Control(c.Context(), &cfg, func(ctx context.Context, k *client.Client) error {
				var out api.ImportedTrunks
				if err := k.Call(ctx, http.MethodPost, "/trunks/import", in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					for _, t := range out.Trunks {
						fmt.Fprintf(w, "%s\t%s\t%s\n", t.Name, strings.Join(t.Prefixes, " "), strings.Join(t.Addresses, " "))
					}
					for _, n := range notes {
						fmt.Fprintln(w, n)
					}
				})
			})
		},
	}
}

// trunksOfRoutes makes one trunk of all routes that have a prefix and the same
// next hops; notes say what is to be done then.
func trunksOfRoutes(routes []proxy.Route) (in api.NewTrunks, notes []string, err error) {
	at := map[string]int{} // next hops to place in the list
	var names []string
	for i, r := range routes {
		name := cmp.Or(r.Name, fmt.Sprintf("route %d", i+1))
		if r.Match.Prefix == "" {
			continue
		}
		if r.Match.Domain != "" || r.Match.Method != "" {
			notes = append(notes, fmt.Sprintf("%s stays a route: it matches by domain or method, too", name))
			continue
		}
		hops := strings.Join(r.NextHop, " ")
		if _, ok := at[hops]; !ok {
			at[hops] = len(in.Trunks)
			in.Trunks = append(in.Trunks, api.NewTrunk{Name: trunkName(name), TrunkChange: api.TrunkChange{
				Note: new("made of routes in tandem.yaml"), Addresses: new([]string(r.NextHop)), Prefixes: new([]string{}), Out: new([]api.TrunkRule{})}})
		}
		t := &in.Trunks[at[hops]]
		*t.Prefixes = append(*t.Prefixes, r.Match.Prefix)
		*t.Out = append(*t.Out, api.TrunkRule{Match: strings.TrimSuffix(r.Match.Prefix, "*"), Strip: r.Strip, Add: r.Add})
		names = append(names, name)
	}
	if len(in.Trunks) == 0 {
		return in, nil, errors.New("no route in tandem.yaml matches by the beginning of a number alone; there is nothing to import")
	}
	for _, t := range in.Trunks {
		if !slices.ContainsFunc(*t.Out, func(r api.TrunkRule) bool { return r.Strip > 0 || r.Add != "" }) {
			*t.Out = nil // none changes anything
		}
		// The longest beginning has to be found first.
		slices.SortStableFunc(*t.Out, func(a, b api.TrunkRule) int { return len(b.Match) - len(a.Match) })
	}
	return in, append(notes, "now delete from routes in tandem.yaml: "+strings.Join(names, ", ")+"; the server does not start with them"), nil
}

// trunkName makes a name of what a route is called.
func trunkName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, strings.ToLower(s))
	return s[:min(len(s), 64)]
}
