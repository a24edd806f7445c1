// Package settings is the verbs of how users want to be called.
package settings

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/settings"
	"tandem/cmd/tandem/command"
)

// New makes the verbs.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "settings", Short: "How users want to be called: forwarding, do-not-disturb, ring time"})
	c.AddCommand(newShow(), newSet())
	return c
}

func path(user string) string { return client.Path("users", user, "call-settings") }

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show USER",
		Short: "Show how a user wants to be called",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out settings.Settings
				if err := k.Call(ctx, http.MethodGet, path(args[0]), nil, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { rows(w, out) })
			})
		},
	}
}

// flags are the options of set.
type flags struct {
	always, busy, noAnswer, unreachable, also string
	disturb, waiting, refuse, withhold        bool
	ring                                      time.Duration
}

func newSet() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "set USER",
		Short: "Change how a user wants to be called; what is not given stays",
		Long: `Change how a user wants to be called. It counts for the next call. Calls are sent
to a user's name, an extension or a number, as the user dials it: at the user's
expense, and only where the user may call. "" takes a destination back.`,
		Example: `  tandem settings set alice --no-answer bob --ring 20s
  tandem settings set alice --always 01711234567
  tandem settings set alice --always "" --do-not-disturb
  tandem settings set alice --do-not-disturb=false`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			change := f.change(c.Flags())
			if change == (settings.SettingsChange{}) {
				return command.Usage("nothing to change; see: %s --help", c.CommandPath())
			}
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var out settings.Settings
				if err := k.Call(ctx, http.MethodPatch, path(args[0]), change, &out); err != nil {
					return err
				}
				return command.Print(c, out, func(w io.Writer) { rows(w, out) })
			})
		},
	}
	o := c.Flags()
	o.StringVar(&f.always, "always", "", "where all calls go")
	o.StringVar(&f.busy, "busy", "", "where calls go when the user is busy, declines or is not to be disturbed")
	o.StringVar(&f.noAnswer, "no-answer", "", "where calls go that nobody answers")
	o.StringVar(&f.unreachable, "unreachable", "", "where calls go when no phone can be reached")
	o.StringVar(&f.also, "also", "", "user or number outside that rings together with the phones")
	o.BoolVar(&f.disturb, "do-not-disturb", false, "no phone rings")
	o.BoolVar(&f.waiting, "call-waiting", true, "phones ring while the user is in a call; =false: others find the user busy")
	o.BoolVar(&f.refuse, "refuse-anonymous", false, "callers who withhold their identity are refused")
	o.BoolVar(&f.withhold, "withhold", false, "the user's own identity is withheld in all calls")
	o.DurationVar(&f.ring, "ring", 0, "how long the phones ring, e.g. 20s; 0: the server's ring time")
	return c
}

// change is what the options given want.
func (f *flags) change(given *pflag.FlagSet) (c settings.SettingsChange) {
	seconds := int(f.ring / time.Second)
	given.Visit(func(o *pflag.Flag) {
		switch o.Name {
		case "always":
			c.Always = &f.always
		case "busy":
			c.Busy = &f.busy
		case "no-answer":
			c.NoAnswer = &f.noAnswer
		case "unreachable":
			c.Unreachable = &f.unreachable
		case "also":
			c.Also = &f.also
		case "do-not-disturb":
			c.DoNotDisturb = &f.disturb
		case "call-waiting":
			c.CallWaiting = &f.waiting
		case "refuse-anonymous":
			c.RefuseAnonymous = &f.refuse
		case "withhold":
			c.Withhold = &f.withhold
		case "ring":
			c.RingSeconds = &seconds
		}
	})
	return c
}

func rows(w io.Writer, s settings.Settings) {
	fmt.Fprintf(w, "user\t%s\n", s.User)
	for _, r := range []struct{ name, to string }{{"all calls go to", s.Always}, {"when busy", s.Busy}, {"without an answer", s.NoAnswer},
		{"when unreachable", s.Unreachable}, {"rings as well", s.Also}} {
		if r.to != "" {
			fmt.Fprintf(w, "%s\t%s\n", r.name, r.to)
		}
	}
	ring := "as long as the server's"
	if s.RingSeconds > 0 {
		ring = fmt.Sprintf("%d s", s.RingSeconds)
	}
	fmt.Fprintf(w, "rings for\t%s\n", ring)
	for _, r := range []struct {
		name string
		on   bool
	}{{"do not disturb", s.DoNotDisturb}, {"call waiting", s.CallWaiting}, {"anonymous calls refused", s.RefuseAnonymous}, {"identity withheld", s.Withhold}} {
		fmt.Fprintf(w, "%s\t%s\n", r.name, map[bool]string{true: "yes", false: "no"}[r.on])
	}
}
