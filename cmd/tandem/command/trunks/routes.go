package trunks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/trunks"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/rtc/proxy"
)

func newImportRoutes() *cobra.Command {
	return &cobra.Command{
		Use:   "import-routes",
		Short: "Make trunks of the routes in tandem.yaml that have a prefix",
		Long: `Make trunks of the static routes in tandem.yaml that match by the beginning of a
number, all or none: routes with the same next hop become one trunk. The server
refuses such routes: delete them from the file then.`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := config.Read(command.ConfigPath(c)) // Load refuses such routes
			if err != nil {
				return err
			}
			in, notes, err := trunksOfRoutes(cfg.Routes)
			if err != nil {
				return err
			}
			return command.Control(c.Context(), &cfg, func(ctx context.Context, k *client.Client) error {
				var out trunks.ImportedTrunks
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
func trunksOfRoutes(routes []proxy.Route) (in trunks.NewTrunks, notes []string, err error) {
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
			in.Trunks = append(in.Trunks, trunks.NewTrunk{Name: trunkName(name), TrunkChange: trunks.TrunkChange{
				Note: new("made of routes in tandem.yaml"), Addresses: new([]string(r.NextHop)), Prefixes: new([]string{}), Out: new([]trunks.TrunkRule{})}})
		}
		t := &in.Trunks[at[hops]]
		*t.Prefixes = append(*t.Prefixes, r.Match.Prefix)
		*t.Out = append(*t.Out, trunks.TrunkRule{Match: strings.TrimSuffix(r.Match.Prefix, "*"), Strip: r.Strip, Add: r.Add})
		names = append(names, name)
	}
	if len(in.Trunks) == 0 {
		return in, nil, errors.New("no route in tandem.yaml matches by the beginning of a number alone; there is nothing to import")
	}
	for _, t := range in.Trunks {
		if !slices.ContainsFunc(*t.Out, func(r trunks.TrunkRule) bool { return r.Strip > 0 || r.Add != "" }) {
			*t.Out = nil // none changes anything
		}
		// The longest beginning has to be found first.
		slices.SortStableFunc(*t.Out, func(a, b trunks.TrunkRule) int { return len(b.Match) - len(a.Match) })
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
