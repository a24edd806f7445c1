// Package phones is the verbs on desk phones.
package phones

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/command"
)

// New makes the command group.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "phones", Short: "Add desk phones, give them lines, and have them fetch their files"})
	c.AddCommand(newAdd(), newList(), newShow(), newAdopt(), newAssign(), newLogin(), newLogout(), newTell("resync", "Have a phone fetch its files again"),
		newTell("reboot", "Have a phone restart"), newRemove(), newPreview(), newDiff(), newImport(), newExport(), newFamilies(), newDHCP(), newSecrets(), newWaiting(), newSoftphone(), newPIN())
	return c
}

func path(mac string, more ...string) string {
	return client.Path(append([]string{"phones", mac}, more...)...)
}

// fields are the flags that change a phone.
type fields struct {
	family, model, label, site, timezone, language string
	lines, keys, settings                          []string
	shared, renew                                  bool
}

func (f *fields) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.family, "family", "", "which files it asks for (tandem phones families); by default that of the MAC")
	flags.StringVar(&f.model, "model", "", "model, for people and for templates")
	flags.StringVar(&f.label, "label", "", "name of the phone in lists")
	flags.StringVar(&f.site, "site", "", "where it stands; emergency calls leave as those of this site")
	flags.StringVar(&f.timezone, "timezone", "", "IANA name, as Europe/Berlin")
	flags.StringVar(&f.language, "language", "", "two letters")
	flags.StringArrayVar(&f.lines, "line", nil, "user, or user:label, of a line key; may be repeated, in the order of the keys")
	flags.BoolVar(&f.shared, "shared", false, "the lines show the state of the other phones that have them")
	flags.StringArrayVar(&f.keys, "key", nil, "further key as KIND:TARGET:LABEL, the kind one of dial, lamp, park, intercom, paging; may be repeated")
	flags.StringArrayVar(&f.settings, "set", nil, "NAME=VALUE that templates of the family read; may be repeated")
}

// change is what the flags that were given change.
func (f *fields) change(flags *pflag.FlagSet) (c phones.PhoneChange, err error) {
	for name, p := range map[string]struct{ to **string }{"family": {&c.Family}, "model": {&c.Model}, "label": {&c.Label}, "site": {&c.Site}, "timezone": {&c.Timezone}, "language": {&c.Language}} {
		if flags.Changed(name) {
			value, err := flags.GetString(name)
			if err != nil {
				return c, err
			}
			*p.to = &value
		}
	}
	if flags.Changed("line") {
		lines := []phones.NewPhoneLine{}
		for _, l := range f.lines {
			if l == "" {
				continue // --line "" takes all
			}
			user, label, _ := strings.Cut(strings.TrimPrefix(l, "sip:"), ":")
			lines = append(lines, phones.NewPhoneLine{User: user, Label: label, Shared: f.shared})
		}
		c.Lines = &lines
	}
	if flags.Changed("key") {
		keys := []string{}
		for _, k := range f.keys {
			if k != "" {
				keys = append(keys, k)
			}
		}
		c.Keys = &keys
	}
	if flags.Changed("set") {
		settings := make(map[string]string)
		for _, s := range f.settings {
			name, value, ok := strings.Cut(s, "=")
			if !ok {
				return c, command.Usage("--set %q: write NAME=VALUE, or NAME= to remove it", s)
			}
			settings[name] = value
		}
		c.Settings = &settings
	}
	c.Renew = f.renew
	return c, nil
}

func newAdd() *cobra.Command {
	var f fields
	c := &cobra.Command{
		Use:   "add MAC",
		Short: "Add a phone and open its window",
		Long: `Add a phone by the MAC address on its label, in any spelling. From now on, for
the time of phones.window, whoever asks by this MAC from a network of phones gets
its files; the phone then has a password of its own for later. Works with and
without a running server.`,
		Example: `  tandem phones add 00:15:65:12:34:56 --line alice --key lamp:bob:Bob
  tandem phones add 0004f2aabbcc --family polycom --model "VVX 450" --line alice --line sales`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, err := f.change(c.Flags())
			if err != nil {
				return err
			}
			return call(c, http.MethodPost, "/phones", phones.NewPhone{MAC: args[0], PhoneChange: in}, printPhone)
		},
	}
	f.add(c.Flags())
	return c
}

// call makes one call and shows its result.
func call[T any](c *cobra.Command, method, path string, in any, rows func(io.Writer, *T)) error {
	return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
		var out T
		if err := k.Call(ctx, method, path, in, &out); err != nil {
			return err
		}
		return command.Print(c, out, func(w io.Writer) { rows(w, &out) })
	})
}

func printPhone(w io.Writer, p *phones.Phone) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("phone", p.MAC)
	row("family", p.Family)
	row("model", p.Model)
	row("label", p.Label)
	row("site", p.Site)
	row("state", p.State)
	for i, l := range p.Lines {
		text := l.User
		if l.Label != "" {
			text += " (" + l.Label + ")"
		}
		if l.Registered {
			text += ", registered"
		}
		row(fmt.Sprint("line ", i+1), text)
	}
	for i, k := range p.Keys {
		row(fmt.Sprint("key ", i+1), k)
	}
	for name, value := range p.Settings {
		row("set "+name, value)
	}
	if !p.Window.IsZero() {
		row("window", "open until "+command.When(p.Window))
	}
	if p.Guest {
		row("guest", "somebody is logged in; its own lines come back at the logout")
	}
	row("firmware", p.Firmware)
	row("from", p.From)
	if !p.Fetched.IsZero() {
		row("fetched", command.When(p.Fetched)+" by "+p.Login)
	}
	if !p.Registered.IsZero() {
		row("registered", command.When(p.Registered))
	}
}

func newList() *cobra.Command {
	var inbox bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List phones, or devices that wait to be adopted",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				if inbox {
					return listInbox(ctx, c, k)
				}
				list, err := client.All[phones.Phone](ctx, k, "/phones", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "MAC\tFAMILY\tMODEL\tSTATE\tLINES\tFIRMWARE\tFETCHED\tLABEL")
					for _, p := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.MAC, p.Family, p.Model, p.State, users(p.Lines), p.Firmware, command.When(p.Fetched), p.Label)
					}
				})
			})
		},
	}
	c.Flags().BoolVar(&inbox, "inbox", false, "devices that asked for files and were not added")
	return c
}

func users(lines []phones.PhoneLine) string {
	var list []string
	for _, l := range lines {
		list = append(list, strings.TrimPrefix(l.User, "sip:"))
	}
	return strings.Join(list, " ")
}

func listInbox(ctx context.Context, c *cobra.Command, k *client.Client) error {
	list, err := client.All[phones.UnknownPhone](ctx, k, "/phone-inbox", nil)
	if err != nil {
		return err
	}
	return command.Print(c, list, func(w io.Writer) {
		fmt.Fprintln(w, "MAC\tFAMILY\tMODEL\tFROM\tFILE\tLAST\tCOUNT")
		for _, u := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", u.MAC, u.Family, u.Model, u.From, u.File, command.When(u.Last), u.Count)
		}
	})
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show MAC",
		Short: "Show a phone with its lines, keys and what it was last seen doing",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodGet, path(args[0]), nil, printPhone)
		},
	}
}

func newRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove MAC",
		Short: "Remove a phone; its secrets are worthless at once",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return call(c, http.MethodDelete, path(args[0]), nil, func(w io.Writer, p *phones.Phone) { fmt.Fprintf(w, "%s removed\n", p.MAC) })
		},
	}
}
