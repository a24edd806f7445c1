// Package pint has the verbs of click-to-call.
package pint

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/spf13/cobra"

	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/pint"
	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/requester"
	"tandem/pint/schedule"
)

// New makes the verbs of click-to-call.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{
		Use:   "pint",
		Short: "Click-to-call: have two telephones called and joined",
		Long: `Click-to-call: the server calls two telephones and joins them. The verbs call and
hear are a client of PINT (RFC 2848) and ask by SIP, with the password of a user;
the others ask the server over its control socket.`,
	})
	c.AddCommand(newCall(), newHear(), newList(), newShow(), newCancel(), newServices(), newStats(), newNumbers())
	return c
}

// asking are the flags of verbs that ask by SIP.
type asking struct {
	cfg     requester.Config
	service string
	at      string
	zone    string
	ca      string
	watch   bool
	verbose bool
}

func (a *asking) flags(c *cobra.Command, service string) {
	f := c.Flags()
	f.StringVarP(&a.cfg.User, "user", "u", "", "who asks: a user of the server, NAME or NAME@DOMAIN (required)")
	f.StringVar(&a.cfg.Password, "password", "", "password (default: $TANDEM_PASSWORD)")
	f.StringVarP(&a.cfg.Server, "server", "s", "127.0.0.1", "server, host or host:port")
	f.StringVar(&a.cfg.Domain, "domain", "", "SIP domain (default: the server's host)")
	f.StringVar(&a.cfg.Proto, "proto", "udp", "transport: udp, tcp or tls")
	f.StringVar(&a.ca, "ca", "", "PEM file of the CA to trust with tls (a server's own: ca.pem in its data folder)")
	f.StringVar(&a.service, "service", service, "name of the service")
	f.StringVar(&a.at, "at", "", "when to begin: 2027-03-28T09:30, or in: 90m (default: at once)")
	f.StringVar(&a.zone, "zone", "", "zone of --at: Europe/Berlin (default: this machine's)")
	f.BoolVarP(&a.watch, "watch", "w", false, "stay and show what happens; Ctrl-C ends the call")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log what the SIP library does")
	command.Complete(c, "proto", "udp", "tcp", "tls")
}

// when is the time of --at.
func (a *asking) when() (time.Time, error) {
	if a.at == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(a.at); err == nil {
		return time.Now().Add(d), nil
	}
	at, err := schedule.Parse(a.at, cmp.Or(a.zone, "Local"))
	if err != nil {
		return at, command.Usage("--at: %w", err)
	}
	return at, nil
}

// ask sends a request and, with --watch, stays until it has ended.
func (a *asking) ask(c *cobra.Command, r requester.Request) error {
	cfg := a.cfg
	cfg.User, cfg.Domain = command.UserOf(cfg.User, cfg.Domain)
	if cfg.User == "" {
		return command.Usage("who is asking? add --user NAME; see: %s --help", c.CommandPath())
	}
	cfg.Password = cmp.Or(cfg.Password, os.Getenv("TANDEM_PASSWORD"))
	var err error
	if r.At, err = a.when(); err != nil {
		return err
	}
	level := slog.LevelError + 4 // errors come back as errors
	if a.verbose {
		level = slog.LevelDebug
	}
	cfg.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	sip.SetDefaultLogger(cfg.Log)
	if cfg.TLS, err = authority(a.ca); err != nil {
		return err
	}
	q, err := requester.New(cfg)
	if err != nil {
		return err
	}
	defer q.Close()
	r.Service = a.service
	limit, done := context.WithTimeout(c.Context(), 30*time.Second)
	defer done()
	s, err := q.Ask(limit, r)
	if err != nil {
		return err
	}
	if a.watch {
		if err := s.Watch(limit); err != nil {
			return err
		}
	}
	if err := s.Confirm(); err != nil {
		return fmt.Errorf("confirming: %w", err)
	}
	if a.watch {
		return a.follow(c, s)
	}
	return command.Print(c, map[string]string{"state": "accepted"}, func(w io.Writer) { fmt.Fprintln(w, "the request is accepted; see: tandem pint list") })
}

// authority trusts the CA of a file.
func authority(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return cfg, nil
}

// follow shows what happens until it is over.
func (a *asking) follow(c *cobra.Command, s *requester.Session) error {
	for {
		select {
		case text := <-s.Updates():
			show(c, text)
		case <-s.Ended():
			showRest(c, s)
			return nil
		case <-c.Context().Done():
			ctx, done := context.WithTimeout(context.WithoutCancel(c.Context()), 5*time.Second)
			defer done()
			return s.Stop(ctx)
		}
	}
}

func show(c *cobra.Command, text string) {
	fmt.Fprintf(c.OutOrStdout(), "%s %s\n", time.Now().Format("15:04:05"), text)
}

// showRest shows what is told of a service that has ended: the last NOTIFY may cross the
// BYE. One that had not begun has no time of its end, by which its last is known.
func showRest(c *cobra.Command, s *requester.Session) {
	select {
	case <-s.Told():
	case <-time.After(3 * time.Second):
	}
	for {
		select {
		case text := <-s.Updates():
			show(c, text)
		default:
			return
		}
	}
}

func newCall() *cobra.Command {
	a := &asking{}
	var record bool
	c := &cobra.Command{
		Use:   "call A B",
		Short: "Have A and B called and joined; B is yours and is called first",
		Example: `  tandem pint call +49301234567 alice --user alice --watch
  tandem pint call sales +49309876543 --user alice --at 2027-03-28T09:30 --zone Europe/Berlin`,
		Args: command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, requester.Request{A: args[0], B: args[1], Record: record})
		},
	}
	a.flags(c, "R2C")
	c.Flags().BoolVar(&record, "record", false, "have the call recorded; the service must allow it")
	return c
}

func newHear() *cobra.Command {
	a := &asking{}
	var text, uri, lang string
	c := &cobra.Command{
		Use:     "hear B",
		Short:   "Have B called, and a text spoken or a recording played there",
		Example: `  tandem pint hear +49309876543 --text "the backup has failed" --user alice`,
		Args:    command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (text == "") == (uri == "") {
				return command.Usage("what is to be heard? add --text or --uri")
			}
			return a.ask(c, requester.Request{B: args[0], Text: text, URI: uri, Lang: lang})
		},
	}
	a.flags(c, "R2HC")
	c.Flags().StringVar(&text, "text", "", "text to be spoken")
	c.Flags().StringVar(&uri, "uri", "", "where a text or WAV file is fetched from")
	c.Flags().StringVar(&lang, "lang", "", "language of the text: de, en")
	return c
}

func newList() *cobra.Command {
	var user, state string
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List requests for calls, the latest first",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				q := url.Values{"limit": {fmt.Sprint(limit)}}
				for name, value := range map[string]string{"user": user, "state": state} {
					if value != "" {
						q.Set(name, value)
					}
				}
				var page struct {
					Items []pint.PINTCall `json:"items"`
				}
				if err := k.Call(ctx, http.MethodGet, "/pint/calls?"+q.Encode(), nil, &page); err != nil {
					return err
				}
				return command.Print(c, page.Items, func(w io.Writer) { rows(w, page.Items) })
			})
		},
	}
	c.Flags().StringVar(&user, "user", "", "only those of this user")
	c.Flags().StringVar(&state, "state", "", "only those in this state: scheduled, connected, failed …")
	c.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return c
}

func rows(w io.Writer, list []pint.PINTCall) {
	fmt.Fprintln(w, "CREATED\tSERVICE\tUSER\tA\tB\tSTATE\tINFO\tID")
	for _, c := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", command.When(c.Created), c.Service, c.User, c.A, c.B, c.State, c.Info, c.ID)
	}
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one request and each step of it",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var s pint.PINTCall
				if err := k.Get(ctx, client.Path("pint", "calls", args[0]), &s); err != nil {
					return err
				}
				return command.Print(c, s, func(w io.Writer) { details(w, &s) })
			})
		},
	}
}

func details(w io.Writer, s *pint.PINTCall) {
	row := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" && text != "0" {
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	row("id", s.ID)
	row("service", s.Service)
	row("user", s.User)
	row("client", s.Client)
	row("a", s.A)
	row("b", s.B)
	row("state", s.State)
	row("tries", s.Tries)
	row("trunk", s.Trunk)
	row("answering machine", s.Machine)
	row("recording", s.Recording)
	row("talked", time.Duration(s.Talked*float64(time.Second)).Round(time.Second))
	row("ended by", s.EndedBy)
	row("code", s.Code)
	for _, id := range s.Records {
		row("record", id)
	}
	for _, step := range s.Steps {
		row(command.When(step.Time), step.Info)
	}
}

func newCancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a request: it does not begin, or its call ends",
		Args:  command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				var s pint.PINTCall
				if err := k.Call(ctx, http.MethodDelete, client.Path("pint", "calls", args[0]), nil, &s); err != nil {
					return err
				}
				return command.Print(c, s, func(w io.Writer) { fmt.Fprintln(w, "cancelled") })
			})
		},
	}
}

func newServices() *cobra.Command {
	return &cobra.Command{
		Use:   "services",
		Short: "List the services that can be asked for",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[pint.PINTService](ctx, k, "/pint/services", nil)
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "NAME\tKIND\tFIRST\tPARTY\tRETRIES")
					for _, s := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", s.Name, s.Kind, s.First, s.Party, s.Retries)
					}
				})
			})
		},
	}
}

func newStats() *cobra.Command {
	var table string
	c := &cobra.Command{
		Use:   "stats",
		Short: "Show the counters of RFC 3055, by service and period",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return command.WithControl(c, func(ctx context.Context, k *client.Client) error {
				list, err := client.All[pint.PINTCounters](ctx, k, "/pint/counters", url.Values{"table": {table}})
				if err != nil {
					return err
				}
				return command.Print(c, list, func(w io.Writer) {
					fmt.Fprintln(w, "NAME\tSERVICE\tPERIOD\tRECEIVED\tSUCCESSFUL\tDISCONNECTED\tNOT ALLOWED\tSERVICE PROBLEM\tGATEWAY PROBLEM")
					for _, r := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Name, r.Service, r.Period, r.Received, r.Successful, r.Disconnected, r.AuthFailed, r.ServProblem, r.GatProblem)
					}
				})
			})
		},
	}
	c.Flags().StringVar(&table, "table", "global", "global, client, user or gateway")
	command.Complete(c, "table", "global", "client", "user", "gateway")
	return c
}
