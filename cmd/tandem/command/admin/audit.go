package admin

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/command"
)

// Audit makes the verbs of the audit log.
func Audit() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "audit", Short: "Who changed what"})
	c.AddCommand(newAuditList())
	return c
}

func newAuditList() *cobra.Command {
	var who, resource, since string
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List changes, newest first",
		Long: `List changes, newest first: when, who (local:USER on this machine, token:NAME over
HTTPS), what, and with -o json how it was before and after, secrets masked.`,
		Example: `  tandem audit list --resource users/sip:alice@example.com
  tandem audit list --who token:provisioning --since 7d -o json`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			q := url.Values{"who": {who}, "resource": {resource}, "limit": {strconv.Itoa(limit)}}
			if since != "" {
				d, err := parseDays(since)
				if err != nil {
					return command.Usage("%w", err)
				}
				q.Set("since", time.Now().Add(-d).UTC().Format(time.RFC3339))
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var page operation.Page[admin.Change]
				if err := k.Get(ctx, "/audit?"+q.Encode(), &page); err != nil {
					return err
				}
				return command.Print(c, page.Items, func(w io.Writer) {
					fmt.Fprintln(w, "TIME\tWHO\tWHAT\tRESOURCE\tOUTCOME")
					for _, r := range page.Items {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", command.When(r.Time), r.Who, r.Operation, r.Resource, outcome(r))
					}
				})
			})
		},
	}
	c.Flags().StringVar(&who, "who", "", "only changes of this caller")
	c.Flags().StringVar(&resource, "resource", "", "only changes of this resource and of what is below it")
	c.Flags().StringVar(&since, "since", "", "only changes of the last time, such as 7d or 12h")
	c.Flags().IntVar(&limit, "limit", 100, "rows at most, up to 1000")
	return c
}

func outcome(r admin.Change) string {
	if r.Why == "" {
		return string(r.Outcome)
	}
	return string(r.Outcome) + ": " + strings.ReplaceAll(r.Why, "\n", " ")
}
