package interop

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/lab"
	"tandem/interop/behaviour"
	"tandem/interop/suite"
	"tandem/interop/wire"
)

// gentle is how long the suite waits between two messages, if nothing else is said, and
// at least where the server has a public address.
const gentle = 20 * time.Millisecond

// target is a server named on the command line.
type target struct {
	server, tcp, tls, wss, domain, accounts, ca string
	trusted, trustedTCP, gateway, trunk         string
	has                                         []string
	files, tftp                                 string
	own, operate                                bool
	pause                                       time.Duration
}

func (o *target) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.server, "against", "", "address of the server to try over UDP, such as sip:192.0.2.1:5060; none: a server is started")
	f.StringVar(&o.tcp, "tcp", "", "where it serves TCP (default: as --against)")
	f.StringVar(&o.tls, "tls", "", "where it serves TLS, host:port; none: rows over TLS are not run")
	f.StringVar(&o.wss, "wss", "", "where it serves browsers over secure WebSocket, host:port on loopback; none: they do not play")
	f.StringVar(&o.ca, "ca", "", "PEM file of the CA that signed its certificate")
	f.StringVar(&o.domain, "domain", "", "SIP domain of the accounts (default: the host of --against)")
	f.StringVar(&o.accounts, "accounts", "", "file with an account in each line, user:password")
	f.StringVar(&o.trusted, "trusted", "", "where it takes this machine for a gateway that needs no credentials, host:port over UDP")
	f.StringVar(&o.trustedTCP, "trusted-tcp", "", "the same over TCP")
	f.StringVar(&o.gateway, "gateway", "", "NUMBER=host:port: the server leads this number to this address of ours")
	f.StringVar(&o.trunk, "trunk", "", "instead of --trusted and --gateway: the trunk of this machine's server whose address is one of ours; implies --operate")
	f.StringArrayVar(&o.has, "has", nil, "what the server has beside a registrar and proxy: calls, media, trunks, message-lamp, lamps, provisioning, resync, cisco-remote")
	f.BoolVar(&o.operate, "operate", false, "--against is the server of this machine's data folder: the suite adds phones and trunks to it, and removes them again")
	f.StringVar(&o.files, "files", "", "where its phones get their files over HTTP, host:port")
	f.StringVar(&o.tftp, "tftp", "", "the same over TFTP")
	f.DurationVar(&o.pause, "pause", gentle, "between two messages to --against")
	f.BoolVar(&o.own, "i-own-this", false, "the target has a public address and is mine to try")
}

// open makes the target ready. The name is for the report.
func (o *target) open(ctx context.Context, c *cobra.Command) (t *suite.Target, name string, shut func() error, err error) {
	if o.server == "" {
		l, err := lab.Start(ctx)
		if err != nil {
			return nil, "", nil, err
		}
		more, err := o.features()
		l.Target.Has = append(l.Target.Has, more...)
		return &l.Target, "a server of this program", l.Close, err
	}
	t = &suite.Target{Pause: o.pause}
	if err = o.addresses(ctx, t); err != nil {
		return nil, "", nil, err
	}
	host, _, err := net.SplitHostPort(o.server)
	if err != nil {
		host = o.server
	}
	if t.Domain = o.domain; t.Domain == "" {
		t.Domain = host
	}
	if t.Accounts, err = readAccounts(o.accounts); err != nil {
		return nil, "", nil, err
	}
	if t.TLSConfig, err = suite.Trust(o.ca, host); err != nil {
		return nil, "", nil, err
	}
	if t.Has, err = o.features(); err != nil {
		return nil, "", nil, err
	}
	if o.operate || o.trunk != "" {
		cfg, err := config.Load(command.ConfigPath(c))
		if err != nil {
			return nil, "", nil, err
		}
		if t.Operator, err = client.Dial(cfg.Socket()); err != nil {
			return nil, "", nil, fmt.Errorf("--operate: %w", err)
		}
	}
	if err := o.lead(ctx, t); err != nil {
		return nil, "", nil, err
	}
	shut, err = o.listen(t)
	return t, o.server, shut, err
}

// addresses finds where the server is. Whatever the suite sends by itself goes to one
// of these addresses, so each of them has to be allowed.
func (o *target) addresses(ctx context.Context, t *suite.Target) error {
	o.server = strings.TrimPrefix(o.server, "sip:")
	for _, a := range []struct {
		flag, value string
		to          *netip.AddrPort
	}{{"--against", o.server, &t.UDP}, {"--tcp", o.tcp, &t.TCP}, {"--tls", o.tls, &t.TLS}, {"--wss", o.wss, &t.WSS}, {"--trusted", o.trusted, &t.Trusted}, {"--trusted-tcp", o.trustedTCP, &t.TrustedTCP}, {"--files", o.files, &t.HTTP}, {"--tftp", o.tftp, &t.TFTP}} {
		if a.value == "" {
			continue
		}
		at, err := resolve(ctx, a.flag, a.value)
		if err != nil {
			return err
		}
		if err := o.allowed(a.flag, at.Addr()); err != nil {
			return err
		}
		*a.to = at
	}
	if !t.TCP.IsValid() {
		t.TCP = t.UDP
	}
	return nil
}

// allowed refuses a public address that is not said to be the caller's own, and to send
// to one that is faster than by default.
func (o *target) allowed(flag string, ip netip.Addr) error {
	if ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return nil
	}
	if !o.own {
		return command.Usage("%s: %s is a public address; try only servers of your own, and say so with --i-own-this", flag, ip)
	}
	if o.pause < gentle {
		return command.Usage("%s: %s is a public address; --pause has to be %s or more there", flag, ip, gentle)
	}
	return nil
}

// resolve finds the address of host or host:port.
func resolve(ctx context.Context, flag, value string) (netip.AddrPort, error) {
	if _, _, err := net.SplitHostPort(value); err != nil {
		value = net.JoinHostPort(value, "5060")
	}
	host, port, _ := net.SplitHostPort(value)
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s: %w", flag, err)
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return netip.AddrPort{}, command.Usage("%s: %w", flag, err)
	}
	return netip.AddrPortFrom(ips[0].Unmap(), uint16(n)), nil
}

func (o *target) features() (list []behaviour.Feature, err error) {
	for _, h := range o.has {
		f := behaviour.Feature(h)
		if behaviour.Features[f] == "" {
			return nil, command.Usage("--has %s is unknown", h)
		}
		list = append(list, f)
	}
	return list, nil
}

// lead finds out which number and address of ours the trunk of --trunk has. What comes
// from there is the trunk's, and needs no credentials.
func (o *target) lead(ctx context.Context, t *suite.Target) error {
	if o.trunk == "" {
		return nil
	}
	var trunk struct {
		Addresses []string `json:"addresses"`
		Prefixes  []string `json:"prefixes"`
	}
	if err := t.Operator.Call(ctx, http.MethodGet, client.Path("trunks", o.trunk), nil, &trunk); err != nil {
		return fmt.Errorf("--trunk: %w", err)
	}
	if len(trunk.Addresses) == 0 || len(trunk.Prefixes) == 0 || !strings.HasPrefix(trunk.Prefixes[0], "+") {
		return command.Usage("--trunk: %s needs an address of this machine and a prefix such as +4930555", o.trunk)
	}
	at := strings.TrimPrefix(trunk.Addresses[0], "sip:")
	at, _, _ = strings.Cut(at, ";")
	o.gateway = trunk.Prefixes[0] + "100=" + at
	if !t.Trusted.IsValid() {
		t.Trusted = t.UDP
	}
	return nil
}

// listen opens the address a number leads to.
func (o *target) listen(t *suite.Target) (func() error, error) {
	nothing := func() error { return nil }
	if o.gateway == "" {
		return nothing, nil
	}
	number, at, ok := strings.Cut(o.gateway, "=")
	addr, err := netip.ParseAddrPort(at)
	if !ok || err != nil {
		return nothing, command.Usage("--gateway %s is not NUMBER=host:port with a numeric host", o.gateway)
	}
	if !t.Trusted.IsValid() {
		return nothing, command.Usage("--gateway needs --trusted: the gateway also calls")
	}
	e, err := wire.Listen(addr, t.Trusted)
	if err != nil {
		return nothing, err
	}
	t.Gateways = []suite.Gateway{{Endpoint: e, Number: number}}
	return func() error { e.Close(); return nil }, nil
}

func readAccounts(path string) (list []suite.Account, err error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		user, password, ok := strings.Cut(line, ":")
		if !ok || user == "" || password == "" {
			return nil, fmt.Errorf("%s:%d: not user:password", path, n)
		}
		list = append(list, suite.Account{User: user, Password: password})
	}
	return list, lines.Err()
}
