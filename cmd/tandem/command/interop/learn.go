package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/interop/learn"
)

func newLearn() *cobra.Command {
	var device string
	c := &cobra.Command{
		Use:   "learn FILE",
		Short: "Make a draft of behaviours from a capture",
		Long: `Make a draft of a file of behaviours from a pcap file or a text trace: one row for
each request by which the device begins something, with the answer it got. Names,
numbers and addresses are made neutral; read the draft all the same before you give
it away. What a capture does not say is marked TO DO.`,
		Example: `  tandem interop learn phone.pcap > my-phone.yaml
  tandem interop check my-phone.yaml
  tandem interop run --file my-phone.yaml`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var at netip.Addr
			if device != "" {
				var err error
				if at, err = netip.ParseAddr(device); err != nil {
					return command.Usage("--device %s is not an IP address", device)
				}
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			list, err := learn.Read(data)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			f, err := learn.Draft(list, at, filepath.Base(args[0]))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			command.Say(c, "%d messages read, %d rows made", len(list), len(f.Behaviours))
			return yaml.NewEncoder(c.OutOrStdout(), yaml.UseLiteralStyleIfMultiline(true)).Encode(f)
		},
	}
	c.Flags().StringVar(&device, "device", "", "address of the device that is learned from (default: the sender of the first request)")
	return c
}
