package trunks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
number, all or none: routes with the same next hop become one trunk. Delete the
routes from the file then: as long as they stand there, the server makes those
trunks that are missing at each start.`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(command.ConfigPath(c))
			if err != nil {
				return err
			}
			var in trunks.NewTrunks
			for _, t := range cfg.Trunks() {
				var out []trunks.TrunkRule
				for _, r := range t.Out {
					out = append(out, trunks.TrunkRule(r))
				}
				in.Trunks = append(in.Trunks, trunks.NewTrunk{Name: t.Name,
					TrunkChange: trunks.TrunkChange{Note: &t.Note, Addresses: &t.Addresses, Prefixes: &t.Prefixes, Out: &out}})
			}
			if len(in.Trunks) == 0 {
				return errors.New("no route in tandem.yaml matches by the beginning of a number; there is nothing to import")
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
					fmt.Fprintln(w, "now delete from routes in tandem.yaml:", strings.Join(forNumbers(cfg.Routes), ", "))
				})
			})
		},
	}
}

// forNumbers are the names of the routes of which trunks were made.
func forNumbers(routes []proxy.Route) (names []string) {
	for i, r := range routes {
		if r.Numbers() {
			names = append(names, cmp.Or(r.Name, fmt.Sprintf("route %d", i+1)))
		}
	}
	return names
}
