package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/commands.md anew")

const referenceFile = "../../docs/commands.md"

// TestCommandReference keeps docs/commands.md what --help says.
func TestCommandReference(t *testing.T) {
	want := reference(newRootCommand())
	if *update {
		if err := os.WriteFile(referenceFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/commands.md is not what the commands say; run: go test ./cmd/tandem -run TestCommandReference -update")
	}
}

// TestHelpTexts: every command says in one sentence what it does, without a
// full stop, and no flag is without a word.
func TestHelpTexts(t *testing.T) {
	for _, c := range leaves(newRootCommand()) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || len(c.Short) > 90 {
			t.Errorf("%s: short text %q: want one phrase without a full stop, of at most 90 characters", c.CommandPath(), c.Short)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: says nothing", c.CommandPath(), f.Name)
			}
		})
	}
}

// leaves are the commands that do something, in the order of help.
func leaves(c *cobra.Command) []*cobra.Command {
	if !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	var list []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.Name() != "help" {
			list = append(list, leaves(sub)...)
		}
	}
	return list
}

const referenceHead = `# Commands

What each command does, with its flags. The text is made from the commands'
own help, ` + "`--help`" + `; how to use them by task is in the
[guide](guide.md).

Commands act on the server that runs on the data folder of the configuration,
over a socket there. ` + "`users`, `devices`, `tokens`, `webhooks`, `audit`" + ` and ` + "`config`" + `
work without a running server as well.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed; the reason and what to do about it are on standard error |
| 2 | the command line was not understood; nothing was done |

Flags of every command:

`

// reference is docs/commands.md.
func reference(root *cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	flagTable(&b, root.PersistentFlags())
	b.WriteString("\n| command | |\n|---|---|\n")
	list := leaves(root)
	for _, c := range list {
		name := strings.TrimPrefix(c.CommandPath(), "tandem ")
		fmt.Fprintf(&b, "| [`%s`](#tandem-%s) | %s |\n", name, strings.ReplaceAll(name, " ", "-"), c.Short)
	}
	for _, c := range list {
		section(&b, c)
	}
	return b.Bytes()
}

func section(b *bytes.Buffer, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "%s\n\n```\n%s\n```\n", text, strings.TrimSuffix(c.UseLine(), " [flags]"))
	if f := c.NonInheritedFlags(); f.HasAvailableFlags() {
		b.WriteString("\n")
		flagTable(b, f)
	}
	if f := c.Parent().PersistentFlags(); c.Parent().HasParent() && f.HasAvailableFlags() {
		fmt.Fprintf(b, "\nFlags of every `%s`:\n\n", c.Parent().CommandPath())
		flagTable(b, f)
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(c.Example))
	}
}

func flagTable(b *bytes.Buffer, flags *pflag.FlagSet) {
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if f.Value.Type() != "bool" {
			name += " " + f.Value.Type()
		}
		def := f.DefValue
		if def == "false" || def == "[]" || def == "0" || def == "0s" {
			def = ""
		}
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, def, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}
