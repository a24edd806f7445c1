// Package users has the verbs for users, their devices and where these are
// registered.
package users

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// New makes the verbs of users.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "users", Short: "Make, list and change users"})
	c.AddCommand(newUsersAdd(), newUsersSet(), newUsersShow(), newUsersPasswd(), newUsersList(), newUsersEnable(true), newUsersEnable(false), newUsersAlias(), newUsersDelete(), newUsersImport())
	return c
}

func userPath(name string, more ...string) string {
	return client.Path(append([]string{"users", name}, more...)...)
}

// printPassword shows a user and, for the only time, the password.
func printPassword(c *cobra.Command, u api.User) error {
	return command.Print(c, u, func(w io.Writer) {
		name, domain, _ := strings.Cut(strings.TrimPrefix(u.Address, "sip:"), "@")
		fmt.Fprintf(w, "user\t%s\n", u.Address)
		howToRegister(c, w, domain, name, u.Password)
	})
}

func newUsersAdd() *cobra.Command {
	var in api.NewUser
	c := &cobra.Command{
		Use:   "add USER",
		Short: "Make a user; prints the password and what to type into a phone",
		Long: `Make a user of the first domain of the configuration, or of another one of it
(alice@example.org). The password is generated, unless one is given, and shown
this once. Works with and without a running server.`,
		Example: "  tandem users add alice --display \"Alice Smith\" --number +49301234567 --extension 100",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in.Address = args[0]
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodPost, "/users", in, &out); err != nil {
					return err
				}
				return printPassword(c, out)
			})
		},
	}
	profileFlags(c.Flags(), &in.Display, &in.Profile)
	c.Flags().StringArrayVar(&in.Aliases, "alias", nil, "further address or telephone number; may be repeated")
	c.Flags().StringVar(&in.Password, "password", "", "password instead of a generated one (it will stand in the shell's history)")
	return c
}

func newUsersPasswd() *cobra.Command {
	var password string
	c := &cobra.Command{
		Use:   "passwd USER",
		Short: "Give a user a new password; prints it",
		Long: `Give a user a new password. Phones with the old one are refused at their next
refresh; device passwords (tandem devices) stay as they are.`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodPatch, userPath(args[0]), api.UserChange{Password: &password}, &out); err != nil {
					return err
				}
				return printPassword(c, out)
			})
		},
	}
	c.Flags().StringVar(&password, "password", "", "password instead of a generated one (it will stand in the shell's history)")
	return c
}

func newUsersList() *cobra.Command {
	var search string
	c := &cobra.Command{
		Use:   "list",
		Short: "List users, or find some",
		Long: `List users with their addresses, names, numbers and whether they may register.
--search finds those of whom every word is part of something: address, name,
mail, department, site, extension, number, group or alias; at most 1,000, those
where something begins with it first.`,
		Example: `  tandem users list --search "smith sales"
  tandem users list --search "+49 30 123"`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list := client.Each[api.User](ctx, k, "/users", nil)
				if search != "" {
					list = findUsers(ctx, k, search)
				}
				return command.PrintEach(c, list, "ADDRESS\tNAME\tENABLED\tEXT\tDEPARTMENT\tSITE\tALIASES", func(w io.Writer, u *api.User) {
					fmt.Fprintf(w, "%s\t%s\t%t\t%s\t%s\t%s\t%s\n", u.Address, u.Display, u.Enabled, u.Extension, u.Department, u.Site, strings.Join(u.Aliases, " "))
				})
			})
		},
	}
	c.Flags().StringVar(&search, "search", "", "show only those who fit, the best first")
	return c
}

// findUsers yields what a search finds, which is one page.
func findUsers(ctx context.Context, k *client.Client, search string) iter.Seq2[api.User, error] {
	return func(yield func(api.User, error) bool) {
		var page struct{ Items []api.User }
		query := url.Values{"search": {search}, "limit": {"1000"}}
		if err := k.Get(ctx, client.Path("users")+"?"+query.Encode(), &page); err != nil {
			yield(api.User{}, err)
			return
		}
		for _, u := range page.Items {
			if !yield(u, nil) {
				return
			}
		}
	}
}

func newUsersEnable(enable bool) *cobra.Command {
	use, short := "enable USER", "Let a disabled user in again"
	if !enable {
		use, short = "disable USER", "Keep a user but shut them out; their registrations end"
	}
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodPatch, userPath(args[0]), api.UserChange{Enabled: &enable}, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s enabled: %t\n", out.Address, out.Enabled) })
			})
		},
	}
}

func newUsersAlias() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "alias", Short: "Give a user another address or telephone number, or take one away"})
	var device string
	add := newAliasChange("add", "Let a user, or one device of a user, be reached by one more address or number, at once",
		func(alias string) api.UserChange { return api.UserChange{AddAlias: alias, Device: device} })
	add.Long = `Let a user be reached by one more address or number. All devices of the user ring;
with --device that one alone. A device is named as "tandem devices list USER" does,
a line of a desk phone among them, or by its instance as "tandem registrations list"
shows it. Adding an alias that the user has changes what rings.`
	add.Example += "\n  tandem users alias add alice +49301234568 --device desk-phone" +
		"\n  tandem users alias add alice +49301234569 --device phone-0004f2aabbcc-1"
	add.Flags().StringVar(&device, "device", "", "the one device that rings: its name, or its instance (urn:uuid:…)")
	c.AddCommand(add,
		newAliasChange("remove", "Take an address or number from a user, at once",
			func(alias string) api.UserChange { return api.UserChange{RemoveAlias: alias} }))
	return c
}

func newAliasChange(verb, short string, change func(alias string) api.UserChange) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " USER ALIAS",
		Short:   short,
		Example: "  tandem users alias " + verb + " alice +49301234567",
		Args:    command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodPatch, userPath(args[0]), change(args[1]), &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) {
					fmt.Fprintf(w, "%s aliases: %s\n", out.Address, cmp.Or(strings.Join(out.Aliases, " "), "none"))
				})
			})
		},
	}
}

func newUsersDelete() *cobra.Command {
	return &cobra.Command{
		Use:   "delete USER",
		Short: "Delete a user with their devices and registrations",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodDelete, userPath(args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { fmt.Fprintf(w, "%s deleted\n", out.Address) })
			})
		},
	}
}

func newUsersImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Make users from a CSV file, all or none; prints generated passwords",
		Long: `Make users from a CSV file (- reads standard input), as spreadsheets and databases
write it: with commas, semicolons, tabs or bars, in UTF-8. A first line may name the
columns, in any order: user, domain, display, password, ha1, ha1b, ha1_sha256, mail,
department, site, extension, numbers, groups, aliases. ha1 and its kin are hashes that
another server kept of the password, in Kamailio's table subscriber or Asterisk's
ps_auths (md5_cred): phones go on with the password they have. What else those tables
hold is left out. Without a first line of names the columns are user, display name,
password, then any number of aliases. Several numbers, groups or aliases in one cell
stand apart by "|". An empty password has one generated, which is printed. Either all
users are made or none; wrong lines are named. At most 20,000 users go at once.`,
		Example: `  tandem users import users.csv
  printf 'user;name;mail;numbers\ncarol;Carol Jones;carol@example.com;+49301234568\n' | tandem users import -
  mysql -B kamailio -e 'select username, domain, ha1, ha1b from subscriber' | tandem users import -
  printf 'carol,Carol Jones,,+49301234568\n' | tandem users import -`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := io.Reader(c.InOrStdin())
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.Imported
				if err := k.Call(ctx, http.MethodPost, "/users/import", in, &out); err != nil {
					return err
				}
				return command.Print(c, out.Users, func(w io.Writer) {
					for _, u := range out.Users {
						fmt.Fprintf(w, "%s\t%s\n", u.Address, cmp.Or(u.Password, "password as in the file"))
					}
					fmt.Fprintf(w, "%d users made\n", len(out.Users))
				})
			})
		},
	}
}
