package main

import (
	"strings"

	"tandem/cmd/tandem/command"

	"github.com/spf13/cobra"
)

func newCompletionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what makes a shell complete verbs, flags and their values",
		Long: `Print what makes a shell complete verbs, flags and their values, for bash, zsh,
fish or powershell. Bash needs the package bash-completion.`,
		Example: `  tandem completion bash > /etc/bash_completion.d/tandem
  tandem completion zsh > ~/.zfunc/_tandem
  tandem completion fish > ~/.config/fish/completions/tandem.fish`,
		Args:      command.ExactArgs(1),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			w := c.OutOrStdout()
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(w, true)
			case "zsh":
				return c.Root().GenZshCompletion(w)
			case "fish":
				return c.Root().GenFishCompletion(w, true)
			case "powershell":
				return c.Root().GenPowerShellCompletionWithDesc(w)
			}
			return command.Usage("shell %q is unknown; use one of: tandem completion %s", args[0], strings.Join(shells, ", "))
		},
	}
}
