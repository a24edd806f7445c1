package users

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/server"
)

// howToRegister tells what to type into a phone: the rows of a table.
func howToRegister(c *cobra.Command, w io.Writer, domain, username, password string) {
	fmt.Fprintf(w, "user name\t%s\npassword\t%s\ndomain\t%s\n", username, password, domain)
	cfg, err := server.Load(command.ConfigPath(c))
	if err == nil {
		fmt.Fprintf(w, "server\t%s\n", strings.Join(places(cfg), ", "))
	}
	fmt.Fprintln(w, "\nThe password is shown this once; only hashes of it are kept. Phones without an")
	fmt.Fprintln(w, "own field for it take the server as outbound proxy.")
}

// places are the addresses a phone can be given, joined by host: "this machine
// udp 5060 tcp 5060", or what is advertised.
func places(cfg server.Config) []string {
	var hosts []string
	ports := map[string]string{}
	for _, l := range cfg.Listen {
		host, port, err := net.SplitHostPort(l.Addr)
		if err != nil {
			continue // Check has refused it
		}
		if l.Advertise != "" {
			if h, p, err := net.SplitHostPort(l.Advertise); err == nil {
				host, port = h, p
			} else {
				host = l.Advertise
			}
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "this machine"
		}
		if ports[host] == "" {
			hosts = append(hosts, host)
		}
		ports[host] += " " + l.Proto + " " + port
	}
	for i, h := range hosts {
		hosts[i] = h + ports[h]
	}
	return hosts
}
