package users

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
)

// profileFlags are the options of what is known of a user.
func profileFlags(f *pflag.FlagSet, display *string, p *api.Profile) {
	f.StringVar(display, "display", "", "display name")
	f.StringVar(&p.Mail, "mail", "", "mail address")
	f.StringVar(&p.Department, "department", "", "department")
	f.StringVar(&p.Site, "site", "", "site where the user works")
	f.StringVar(&p.Extension, "extension", "", "short number within the site")
	f.StringArrayVar(&p.Numbers, "number", nil, "telephone number with + and country code; may be repeated")
	f.StringArrayVar(&p.Groups, "group", nil, "group; may be repeated")
}

func newUsersSet() *cobra.Command {
	var display string
	var p api.Profile
	c := &cobra.Command{
		Use:   "set USER",
		Short: "Change what is known of a user: name, mail, department, site, extension, numbers, groups",
		Long: `Change what is known of a user. What is not named stays. --number and --group
replace all numbers or groups of the user; "" takes them away.`,
		Example: `  tandem users set alice --mail alice@example.com --department Sales --site berlin
  tandem users set alice --extension 100 --number +49301234567 --number +49301234568
  tandem users set alice --group ""`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, changed := userChange(c.Flags(), display, p)
			if !changed {
				return fmt.Errorf("nothing to change: name at least one of the options, see tandem users set --help")
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodPatch, userPath(args[0]), in, &out); err != nil {
					return err
				}
				return showUser(c, out)
			})
		},
	}
	profileFlags(c.Flags(), &display, &p)
	return c
}

// userChange is what the options given want.
func userChange(f *pflag.FlagSet, display string, p api.Profile) (in api.UserChange, changed bool) {
	text := func(name, value string) *string {
		if !f.Changed(name) {
			return nil
		}
		changed = true
		return &value
	}
	list := func(name string, values []string) *[]string {
		if !f.Changed(name) {
			return nil
		}
		changed = true
		some := []string{}
		for _, v := range values {
			if v != "" {
				some = append(some, v)
			}
		}
		return &some
	}
	in = api.UserChange{Display: text("display", display), Mail: text("mail", p.Mail), Department: text("department", p.Department),
		Site: text("site", p.Site), Extension: text("extension", p.Extension), Numbers: list("number", p.Numbers), Groups: list("group", p.Groups)}
	return in, changed
}

func newUsersShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show USER",
		Short: "Show what is known of a user",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out api.User
				if err := k.Call(ctx, http.MethodGet, userPath(args[0]), nil, &out); err != nil {
					return err
				}
				return showUser(c, out)
			})
		},
	}
}

func showUser(c *cobra.Command, u api.User) error {
	return command.Print(c, u, func(w io.Writer) {
		fmt.Fprintf(w, "user\t%s\nenabled\t%t\n", u.Address, u.Enabled)
		for _, line := range []struct{ what, text string }{
			{"name", u.Display}, {"mail", u.Mail}, {"department", u.Department}, {"site", u.Site}, {"extension", u.Extension},
			{"numbers", strings.Join(u.Numbers, " ")}, {"groups", strings.Join(u.Groups, ", ")}, {"aliases", strings.Join(otherAliases(u), " ")},
			{"one device", strings.Join(direct(u), ", ")},
		} {
			if line.text != "" {
				fmt.Fprintf(w, "%s\t%s\n", line.what, line.text)
			}
		}
	})
}

// direct are the aliases for which one device rings, with that device.
func direct(u api.User) (list []string) {
	for _, alias := range slices.Sorted(maps.Keys(u.Direct)) {
		list = append(list, strings.TrimPrefix(alias, "tel:")+" at "+u.Direct[alias])
	}
	return list
}

// otherAliases are those that are no telephone numbers.
func otherAliases(u api.User) (list []string) {
	for _, a := range u.Aliases {
		if !strings.HasPrefix(a, "tel:") {
			list = append(list, a)
		}
	}
	return list
}
