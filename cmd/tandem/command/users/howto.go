package users

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
)

// howToRegister tells what to type into a phone: the rows of a table.
func howToRegister(c *cobra.Command, w io.Writer, domain, username, password string) {
	fmt.Fprintf(w, "user name\t%s\npassword\t%s\ndomain\t%s\n", username, password, domain)
	cfg, err := config.Load(command.ConfigPath(c))
	for i := range cfg.Listen {
		if l := &cfg.Listen[i]; err == nil {
			fmt.Fprintf(w, "server, %s\t%s\n", l.Proto, strings.Join(l.Places(), " or "))
		}
	}
	fmt.Fprintln(w, "\nThe password is shown this once; only hashes of it are kept. Phones without a")
	fmt.Fprintln(w, "field for the server take it as outbound proxy.")
}
