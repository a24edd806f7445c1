// Package phone has the verbs of the command-line phone.
package phone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/softphone"
)

// protos are the values of --proto.
var protos = []string{"udp", "tcp", "tls", "ws", "wss"}

// phoneFlags are what all phone verbs share.
type phoneFlags struct {
	cfg      softphone.Config
	ca       string
	insecure bool
	verbose  bool
}

// New makes the verbs of the phone.
func New() *cobra.Command {
	f := &phoneFlags{}
	c := command.Group(&cobra.Command{
		Use:   "phone",
		Short: "A telephone on the command line: register, call, answer, message",
		Long: `A telephone on the command line, for trying a server and for scripts. It plays
and records WAV files, sends digits, and measures the audio it hears.

The password may be given in the environment as TANDEM_PASSWORD, where other
users of this machine cannot see it.`,
		Example: `  tandem phone call +49301234567 --user alice --server 127.0.0.1 --duration 8s
  tandem phone answer --user bob --server 127.0.0.1 --echo
  tandem phone message bob "are you there?" --user alice --server 127.0.0.1`,
	})
	p := c.PersistentFlags()
	p.StringVarP(&f.cfg.User, "user", "u", "", "user name, NAME or NAME@DOMAIN (required)")
	p.StringVar(&f.cfg.Password, "password", "", "password (default: $TANDEM_PASSWORD)")
	p.StringVarP(&f.cfg.Server, "server", "s", "127.0.0.1", "server, host or host:port")
	p.StringVar(&f.cfg.Domain, "domain", "", "SIP domain of the user (default: the server's host)")
	p.StringVar(&f.cfg.AuthUser, "auth-user", "", "user name for the password (default: --user)")
	p.StringVar(&f.cfg.Display, "display", "", "name shown to others")
	p.StringVar(&f.cfg.Proto, "proto", "udp", "transport: udp, tcp, tls, ws or wss")
	p.StringVar(&f.cfg.Bind, "bind", "", "local address (default: the one that leads to the server)")
	p.StringSliceVar(&f.cfg.Codecs, "codec", nil, "codecs, best first: PCMU, PCMA, opus")
	p.StringVar(&f.ca, "ca", "", "PEM file of the CA to trust with tls and wss (a server's own: ca.pem in its data folder)")
	p.BoolVar(&f.insecure, "insecure", false, "accept any certificate (test systems only)")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "log what the SIP library does")
	command.Complete(c, "proto", protos...)
	command.Complete(c, "codec", "PCMU", "PCMA")
	c.AddCommand(newPhoneRegister(f), newPhoneCall(f), newPhoneAnswer(f), newPhoneMessage(f))
	return c
}

// open starts the phone the flags describe.
func (f *phoneFlags) open(c *cobra.Command) (*softphone.Phone, error) {
	cfg := f.cfg
	cfg.User, cfg.Domain = command.UserOf(cfg.User, cfg.Domain)
	if cfg.User == "" {
		return nil, command.Usage("who is calling? add --user NAME; see: %s --help", c.CommandPath())
	}
	if !slices.Contains(protos, cfg.Proto) {
		return nil, command.Usage("--proto %s is unknown; use %s", cfg.Proto, strings.Join(protos, ", "))
	}
	if cfg.Password == "" {
		cfg.Password = os.Getenv("TANDEM_PASSWORD")
	}
	level := slog.LevelError + 4 // errors come back as errors
	if f.verbose {
		level = slog.LevelDebug
	}
	cfg.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	sip.SetDefaultLogger(cfg.Log)
	softphone.AllowLargeDatagrams()
	if f.ca != "" || f.insecure {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure}
	}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("reading the CA: %w", err)
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", f.ca)
		}
	}
	return softphone.New(cfg)
}

// show prints an incoming message.
func show(c *cobra.Command) func(softphone.Message) {
	return func(m softphone.Message) {
		fmt.Fprintf(c.ErrOrStderr(), "%s message from %s: %q\n", m.Time.Format("15:04:05"), m.From, m.Text)
	}
}

func newPhoneRegister(f *phoneFlags) *cobra.Command {
	var expires, stay time.Duration
	c := &cobra.Command{
		Use:   "register",
		Short: "Register and stay registered until Ctrl-C; prints incoming messages",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			f.cfg.OnMessage = show(c)
			p, err := f.open(c)
			if err != nil {
				return err
			}
			defer p.Close()
			ctx := c.Context()
			if stay > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, stay)
				defer cancel()
			}
			first := true
			var shown error
			err = p.StayRegistered(ctx, expires, func(r softphone.Registered, err error) {
				if err == nil && first {
					shown = printRegistered(c, p, r)
				} else if err != nil && !first {
					command.Say(c, "refresh failed, trying again: %v", err)
				}
				first = false
			})
			return errors.Join(err, shown)
		},
	}
	c.Flags().DurationVar(&expires, "expires", time.Hour, "asked lifetime of the registration")
	c.Flags().DurationVar(&stay, "for", 0, "unregister and end after this long (default: Ctrl-C)")
	return c
}

func printRegistered(c *cobra.Command, p *softphone.Phone, r softphone.Registered) error {
	v := struct {
		Address string  `json:"address"`
		Contact string  `json:"contact"`
		Expires float64 `json:"expires_s"`
		Others  int     `json:"other_contacts"`
		Took    float64 `json:"took_ms"`
	}{p.Address(), r.Contact, r.Expires.Seconds(), r.Others, float64(r.Took.Microseconds()) / 1000}
	return command.Print(c, v, func(w io.Writer) {
		fmt.Fprintf(w, "registered\t%s\ncontact\t%s\nexpires\t%s\nother devices\t%d\ntook\t%.1f ms\n", v.Address, v.Contact, r.Expires, v.Others, v.Took)
	})
}

func newPhoneMessage(f *phoneFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "message TO TEXT",
		Short: "Send an instant message",
		Args:  command.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.open(c)
			if err != nil {
				return err
			}
			defer p.Close()
			code, err := p.SendMessage(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			v := struct {
				To     string `json:"to"`
				Status int    `json:"status"`
			}{args[0], code}
			return command.Print(c, v, func(w io.Writer) {
				if code == 202 {
					fmt.Fprintln(w, "accepted, to be delivered later (202)")
					return
				}
				fmt.Fprintf(w, "delivered (%d)\n", code)
			})
		},
	}
}
