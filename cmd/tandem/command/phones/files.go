package phones

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/command"
	"tandem/sipphone"
)

func newPreview() *cobra.Command {
	return &cobra.Command{
		Use:   "preview MAC [FILE]",
		Short: "Show the files a phone would get, secrets masked",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[phones.PhoneFile](ctx, k, path(args[0], "preview"), nil)
				if err != nil {
					return err
				}
				if len(args) > 1 {
					list = only(list, args[1])
				}
				return command.Print(c, list, func(w io.Writer) {
					for _, f := range list {
						fmt.Fprintf(w, "== %s\n%s\n", f.Path, strings.ReplaceAll(f.Text, "\t", "    "))
					}
				})
			})
		},
	}
}

func only(list []phones.PhoneFile, name string) []phones.PhoneFile {
	for _, f := range list {
		if strings.EqualFold(f.Path, name) {
			return []phones.PhoneFile{f}
		}
	}
	return nil
}

func newDiff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff MAC",
		Short: "Show how the files of a phone differ from those it last got",
		Long: `Show how the files a phone would get now differ from those it last got: nothing
when they do not. A secret shows as a mark, which changes when the secret does.`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodGet, path(args[0], "diff"), nil, func(w io.Writer, d *phones.PhoneDiff) {
				fmt.Fprint(w, strings.ReplaceAll(d.Diff, "\t", "    "))
			})
		},
	}
}

func newImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Add phones from a CSV file, all or none",
		Long: `Add phones from a CSV file (- reads standard input), with commas, semicolons or
tabs. The first line names the columns, in any order: mac, family, model, label,
site, timezone, language, lines, shared, keys, settings; mac alone must be there.
Several lines, keys or settings in one cell stand apart by "|"; shared names those
of the users whose lines show what other phones do. It is what export writes.`,
		Example: `  tandem phones import phones.csv
  printf 'mac;lines;keys\n001565123456;alice;lamp:bob:Bob|park:701\n' | tandem phones import -`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := c.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			rows, err := sipphone.ReadCSV(in)
			if err != nil {
				return err
			}
			var body struct {
				Phones []phones.NewPhone `json:"phones"`
			}
			for _, r := range rows {
				body.Phones = append(body.Phones, fromRow(&r))
			}
			return call(c, http.MethodPost, "/phones/import", body, func(w io.Writer, i *phones.ImportedPhones) { fmt.Fprintf(w, "%d phones added\n", i.Phones) })
		},
	}
}

func fromRow(r *sipphone.Row) phones.NewPhone {
	n := phones.NewPhone{MAC: r.MAC}
	some := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	n.Family, n.Model, n.Label, n.Site, n.Timezone, n.Language = some(r.Family), some(r.Model), some(r.Label), some(r.Site), some(r.Timezone), some(r.Language)
	lines := []phones.NewPhoneLine{}
	for _, l := range r.Lines {
		user, label, _ := strings.Cut(strings.TrimPrefix(l, "sip:"), ":")
		lines = append(lines, phones.NewPhoneLine{User: user, Label: label, Shared: slices.Contains(r.Shared, user)})
	}
	n.Lines, n.Keys, n.Settings = &lines, &r.Keys, &r.Settings
	return n
}

func newExport() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Write all phones as CSV, as import reads it",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[phones.Phone](ctx, k, "/phones", nil)
				if err != nil {
					return err
				}
				var rows []sipphone.Row
				for _, p := range list {
					r := sipphone.Row{MAC: p.MAC, Family: p.Family, Model: p.Model, Label: p.Label, Site: p.Site, Timezone: p.Timezone,
						Language: p.Language, Keys: p.Keys, Settings: p.Settings}
					for _, l := range p.Lines {
						text := strings.TrimPrefix(l.User, "sip:")
						if l.Label != "" {
							text += ":" + l.Label
						}
						r.Lines = append(r.Lines, text)
						if l.Shared {
							r.Shared = append(r.Shared, strings.TrimPrefix(l.User, "sip:"))
						}
					}
					rows = append(rows, r)
				}
				return sipphone.WriteCSV(c.OutOrStdout(), rows)
			})
		},
	}
}

func newFamilies() *cobra.Command {
	return &cobra.Command{
		Use:   "families",
		Short: "List the families of phones and the files they ask for",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[phones.PhoneFamily](ctx, k, "/phone-families", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "FAMILY\tPHONES\tFILES, IN THEIR ORDER")
					for _, f := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\n", f.Name, f.Title, strings.Join(f.Files, " "))
					}
				})
			})
		},
	}
}

func newDHCP() *cobra.Command {
	return &cobra.Command{
		Use:   "dhcp",
		Short: "List the DHCP options by which phones find this server",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[phones.PhoneHint](ctx, k, "/phone-dhcp", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "OPTION\tFAMILY\tVALUE")
					for _, h := range list {
						fmt.Fprintf(w, "%d\t%s\t%s\n", h.Option, h.Family, h.Value)
					}
				})
			})
		},
	}
}
