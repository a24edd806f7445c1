// Package contacts has the verbs for the contact lists of users.
package contacts

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/contacts"
	"tandem/cmd/tandem/command"
	"tandem/rtc/contacts/card"
)

// New makes the verbs of contacts.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "contacts", Short: "Contact lists of users, the same at each of their devices"})
	c.AddCommand(newList(), newAdd(), newRemove(), newImport(), newExport())
	return c
}

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list USER",
		Short: "List the contacts of a user",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[contacts.Contact](ctx, k, client.Path("users", args[0], "contacts"), nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "ADDRESS\tNAME\tGROUPS\tNUMBERS\tCONSENT")
					for _, x := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.Address, x.Name, strings.Join(x.Groups, ", "), strings.Join(x.Numbers, " "), x.Consent)
					}
				})
			})
		},
	}
}

func newAdd() *cobra.Command {
	var in contacts.ContactFields
	c := &cobra.Command{
		Use:   "add USER CONTACT",
		Short: "Add a contact, or replace what is kept of it",
		Long: `Add a contact to the list of a user. CONTACT is a SIP or tel URI, or the name of
a user of this server. Until the contact consents, their presence is pending.`,
		Example: `  tandem contacts add alice bob --name "Bob Builder" --group friends
  tandem contacts add alice tel:+49301234567 --name Plumber`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out contacts.Contact
				if err := k.Call(ctx, http.MethodPut, client.Path("users", args[0], "contacts", args[1]), in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "%s is a contact of %s in %s\n", out.Address, args[0], strings.Join(out.Groups, ", "))
				})
			})
		},
	}
	c.Flags().StringVar(&in.Name, "name", "", "as the user calls it")
	c.Flags().StringSliceVar(&in.Groups, "group", nil, "list it stands in; may be repeated")
	c.Flags().StringSliceVar(&in.Numbers, "number", nil, "telephone number; may be repeated")
	return c
}

func newRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove USER CONTACT",
		Short: "Remove a contact",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out contacts.Contact
				if err := k.Call(ctx, http.MethodDelete, client.Path("users", args[0], "contacts", args[1]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s is removed\n", out.Address) })
			})
		},
	}
}

func newImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import USER FILE",
		Short: "Add the contacts of a vCard or CSV file",
		Long: `Add the contacts of a file, all or none; those that are there are replaced. FILE is
vCard 3 or 4, or CSV whose first line names the columns: address, name, groups,
numbers, or what address books call them. "-" reads standard input.`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := read(c, args[1])
			if err != nil {
				return err
			}
			text := card.Text(file)
			in := contacts.ContactFile{Format: string(card.FormatOf([]byte(text))), Text: text}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out contacts.ImportedContacts
				if err := k.Call(ctx, http.MethodPost, client.Path("users", args[0], "contacts", "import"), in, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "%d contacts imported\n", out.Contacts)
					for _, s := range out.Skipped {
						fmt.Fprintf(w, "skipped, without address: %s\n", s)
					}
				})
			})
		},
	}
}

func read(c *cobra.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(c.InOrStdin())
	}
	return os.ReadFile(path)
}

func newExport() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "export USER",
		Short: "Write the contacts of a user as vCard or CSV",
		Example: `  tandem contacts export alice > alice.vcf
  tandem contacts export alice --format csv > alice.csv`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out contacts.ContactFile
				if err := k.Get(ctx, client.Path("users", args[0], "contacts", "export")+"?"+url.Values{"format": {format}}.Encode(), &out); err != nil {
					return err
				}
				_, err := io.WriteString(c.OutOrStdout(), out.Text)
				return err
			})
		},
	}
	c.Flags().StringVar(&format, "format", "vcard", "vcard or csv")
	command.Complete(c, "format", "vcard", "csv")
	return c
}
