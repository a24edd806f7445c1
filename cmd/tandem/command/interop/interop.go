// Package interop has the verbs that try how devices of many makers behave.
package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/interop/behaviour"
	"tandem/interop/report"
	"tandem/interop/suite"
)

// New makes the verbs of the interop suite.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{Use: "interop", Short: "Try how devices of many makers behave, against this server or another one"})
	c.AddCommand(newList(), newShow(), newRun(), newReport(), newLearn(), newCheck())
	return c
}

// selection is which rows a command means.
type selection struct {
	families, ids, files []string
	programs             bool // telephones of others as well
}

func (s *selection) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&s.families, "family", nil, "only this family of devices; may be repeated")
	c.Flags().StringArrayVar(&s.ids, "behaviour", nil, "only this row; may be repeated")
	c.Flags().StringArrayVar(&s.files, "file", nil, "the rows of a file of your own; may be repeated")
	c.Flags().BoolVar(&s.programs, "programs", false, "also the telephones of others that are installed here: baresip, linphonec, JsSIP in Chromium, and the library diago (family programs)")
	command.Complete(c, "family", behaviour.Names()...)
}

// rows are those selected, in the order of the files.
func (s *selection) rows() ([]*behaviour.Behaviour, error) {
	all, err := suite.Rows()
	if err != nil {
		return nil, err
	}
	list, err := s.own()
	if err != nil {
		return nil, err
	}
	if s.programs {
		all = append(all, suite.PlayerStories(programs())...)
	}
	known, unknown := map[string]bool{}, []string{}
	for _, b := range all {
		known[b.Family.Name], known[b.ID] = true, true
		if s.means(b.Family.Name, b.ID) {
			list = append(list, b)
		}
	}
	for _, name := range append(slices.Clone(s.families), s.ids...) {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, command.Usage("there is no %s; see: tandem interop list", strings.Join(unknown, ", "))
	}
	return list, nil
}

// own are the rows of the files given.
func (s *selection) own() (list []*behaviour.Behaviour, err error) {
	for _, path := range s.files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f, err := behaviour.Load(path, text)
		if err != nil {
			return nil, err
		}
		for i := range f.Behaviours {
			list = append(list, &f.Behaviours[i])
		}
	}
	return list, nil
}

func (s *selection) means(family, id string) bool {
	if len(s.families)+len(s.ids)+len(s.files) == 0 {
		return true
	}
	return slices.Contains(s.families, family) || slices.Contains(s.ids, id)
}

func newList() *cobra.Command {
	var sel selection
	c := &cobra.Command{
		Use:   "list",
		Short: "The rows of the catalogue: device, evidence, and whether they can be tried",
		Long: `List the catalogue of behaviours: one row is one thing that devices of a maker do
on the wire, with the evidence for it and what a server has to do.

trace, edited-trace, code and document mean that it was seen, or that the maker
says so. inferred and memory mean that nobody has seen the device do it.`,
		Example: "  tandem interop list --family polycom",
		Args:    command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := sel.rows()
			if err != nil {
				return err
			}
			return command.Print(c, rows, func(w io.Writer) {
				fmt.Fprintln(w, "ROW\tFAMILY\tEVIDENCE\tTRIED")
				for _, b := range rows {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", b.ID, b.Family.Name, b.Evidence[0], tried(b))
				}
			})
		},
	}
	sel.flags(c)
	return c
}

// tried says how far a row can be tried.
func tried(b *behaviour.Behaviour) string {
	switch {
	case b.Nothing != "":
		return "nothing to run"
	case len(b.Run) == 0:
		return "not yet (" + string(b.WaitsFor) + ")"
	case b.WaitsFor != "":
		return "with " + string(b.WaitsFor)
	case b.Open != "":
		return "in part"
	}
	return "yes"
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ROW",
		Short:   "One row whole: what the device does, how that is known, and how it is tried",
		Example: "  tandem interop show ph-7960-reg-2002",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sel := selection{ids: args}
			rows, err := sel.rows()
			if err != nil {
				return err
			}
			if len(rows) != 1 {
				return command.Usage("%s is a family; see: tandem interop list --family %s", args[0], args[0])
			}
			return command.Print(c, rows[0], func(w io.Writer) { _ = yaml.NewEncoder(w, yaml.UseLiteralStyleIfMultiline(true)).Encode(rows[0]) })
		},
	}
}

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Check a file of behaviours of your own",
		Long:    "Check a file of behaviours: the form of every row, and that each says how it is tried or why it is not. Errors name the row and what to change.",
		Example: "  tandem interop check my-gateway.yaml",
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			f, err := behaviour.Load(args[0], text)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d rows, all well formed\n", args[0], len(f.Behaviours))
			return nil
		},
	}
}

func newRun() *cobra.Command {
	var sel selection
	var to target
	var files outputs
	var limit time.Duration
	c := &cobra.Command{
		Use:   "run",
		Short: "Try the catalogue and report what came of it",
		Long: `Play devices of many makers, byte for byte, and judge what the server does.

Without --against a server of this program is started on free ports of this
machine, with a folder of its own that is removed afterwards. With --against it
is your server; the suite needs accounts there (whose registrations it removes),
and more rows can be tried when the server takes this machine for a gateway
(--trusted) and leads a number to it (--gateway).

Progress goes to standard error, one line a row. Failures show all messages of
the exchange with their exact bytes. Exit code 1 when a row failed.`,
		Example: `  tandem interop run
  tandem interop run --family cisco-7960 --junit result.xml
  tandem interop run --against 192.0.2.1:5060 --domain example.com --accounts accounts.txt`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := sel.rows()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			target, name, closeTarget, err := to.open(ctx, c)
			if err != nil {
				return err
			}
			if sel.programs {
				target.Players = programs()
			}
			begun := time.Now()
			results, err := suite.Run(ctx, target, rows, suite.Options{Done: func(r report.Result) { fmt.Fprintln(c.ErrOrStderr(), r.Line()) }})
			if err = errors.Join(err, closeTarget()); err != nil {
				return err
			}
			return show(c, report.New(name, begun, results), files)
		},
	}
	sel.flags(c)
	to.flags(c)
	files.flags(c)
	c.Flags().DurationVar(&limit, "limit", 10*time.Minute, "end the run after this time; rows not reached are not run")
	return c
}
