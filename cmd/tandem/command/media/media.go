// Package media has the verbs for the media relay by itself.
package media

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/probe"
	"tandem/media"
	"tandem/media/codec"
	"tandem/media/ng"
	"tandem/media/relay"
)

// defaultNG is where rtpengine's users look for a relay.
const defaultNG = "127.0.0.1:2223"

// New makes the verbs of the media relay.
func New() *cobra.Command {
	c := command.Group(&cobra.Command{
		Use:   "media",
		Short: "The media relay by itself",
		Long: `The media relay by itself, driven over rtpengine's ng protocol: it can stand
behind Kamailio or OpenSIPS in rtpengine's place, and be measured alone.`,
	})
	c.AddCommand(newMediaServeCommand(), newMediaProbeCommand())
	return c
}

func newMediaServeCommand() *cobra.Command {
	var f struct {
		ng, ports, kernel, level     string
		interfaces, from             []string
		workers, converters, icePort int
		dscp, sessions               int
		strict, opusInGo             bool
		idle, held                   time.Duration
		folders                      ng.Folders
	}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run a media relay that speaks rtpengine's ng protocol",
		Long: `Run a media relay until SIGTERM or Ctrl-C. Whoever reaches its control port
controls it, so it answers this machine alone, and the networks of --ng-from.

An interface is an address media ports are opened on, with a name before and
the address phones are told behind it where that is another:
  --interface 192.0.2.1
  --interface inside=10.0.0.5 --interface outside=10.0.1.5!203.0.113.7

For Kamailio: modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:2223")

All is set by these flags; there is no configuration file (from rtpengine.conf to
flags: docs/moving.md). A systemd unit is cmd/packaging/tandem-media.service. Metrics are
what the commands statistics, list and query of the control protocol tell; tandem
serve, which has this relay inside, has them for Prometheus.`,
		Example: "  tandem media serve --interface 192.0.2.1 --ports 30000-39999",
		Args:    command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg := media.Config{
				Workers: f.workers, Converters: f.converters, ICEPort: f.icePort, DSCP: f.dscp, Sessions: f.sessions,
				Kernel: f.kernel, Idle: f.idle, Held: f.held, Learn: media.LearnAfterSignalling, Opus: media.Opus{DecodeInGo: f.opusInGo},
			}
			if f.strict {
				cfg.Learn = media.LearnNever
			}
			var err error
			if cfg.Interfaces, err = interfaces(f.interfaces); err != nil {
				return command.Usage("%w", err)
			}
			if cfg.PortMin, cfg.PortMax, err = portRange(f.ports); err != nil {
				return command.Usage("%w", err)
			}
			cfg.Logger = command.NewLogger(config.Log{Level: f.level}, new(slog.LevelVar), c.ErrOrStderr())
			from, err := networks(f.from)
			if err != nil {
				return command.Usage("%w", err)
			}
			return serveMedia(c.Context(), cfg, f.ng, from, f.folders)
		},
	}
	c.Flags().StringVar(&f.ng, "ng", defaultNG, "address of the control port (UDP)")
	c.Flags().StringArrayVar(&f.from, "ng-from", nil, "network that may use the control port beside this machine (192.0.2.0/28); may be repeated")
	c.Flags().StringArrayVar(&f.interfaces, "interface", []string{"127.0.0.1"}, "where media ports are opened: [NAME=]ADDRESS[!ADVERTISED]; may be repeated")
	c.Flags().StringVar(&f.ports, "ports", "16384-32767", "range of media ports; a call takes up to four")
	c.Flags().IntVar(&f.icePort, "ice-port", 0, "one UDP port for all browsers; 0: a port each")
	c.Flags().IntVar(&f.workers, "workers", 0, "threads that pass packets; 0: one per core")
	c.Flags().IntVar(&f.converters, "converters", 0, "threads that convert audio; 0: one per core")
	c.Flags().BoolVar(&f.opusInGo, "opus-in-go", false, "decode Opus in Go even where libopus is there: no C reads what phones send, at twice the cost")
	c.Flags().StringVar(&f.kernel, "kernel", "auto", "forward plain streams in the kernel: auto, on or off")
	c.Flags().IntVar(&f.dscp, "dscp", 46, "DSCP of media packets (46 is expedited forwarding)")
	c.Flags().IntVar(&f.sessions, "sessions", 10000, "most calls at once")
	c.Flags().BoolVar(&f.strict, "strict-source", false, "believe the signalled addresses alone; phones behind NAT are not heard")
	c.Flags().DurationVar(&f.idle, "idle", time.Minute, "end calls that carry nothing for so long")
	c.Flags().DurationVar(&f.held, "held", time.Hour, "end calls that carry nothing for so long on hold or before an answer")
	c.Flags().StringVar(&f.folders.Recordings, "recordings", "", "folder of the recordings that the proxy starts; empty: it may start none")
	c.Flags().StringVar(&f.folders.Sounds, "sounds", "", "folder of the WAV files that the proxy may have played; empty: it may have none played")
	c.Flags().StringVar(&f.level, "log", "info", "log level: debug, info, warn or error")
	command.Complete(c, "kernel", "auto", "on", "off")
	command.Complete(c, "log", "debug", "info", "warn", "error")
	return c
}

func serveMedia(ctx context.Context, cfg media.Config, addr string, from []netip.Prefix, folders ng.Folders) error {
	m, err := media.New(cfg)
	if err != nil {
		return err
	}
	control, err := ng.Listen(addr, m, cfg.Logger)
	if err != nil {
		return err
	}
	control.From(from...)
	control.Use(folders)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 2)
	go func() { done <- m.Run(ctx) }()
	go func() { done <- control.Run(ctx) }()
	kernel, why := m.Kernel()
	opus, missing := codec.Library()
	switch {
	case missing != nil:
		opus = "decoded, not encoded: " + missing.Error()
	case cfg.Opus.DecodeInGo:
		opus += ", decoded in Go"
	}
	cfg.Logger.Info("media relay ready", "ng", control.Addr().String(), "ports", fmt.Sprintf("%d-%d", cfg.PortMin, cfg.PortMax), "kernel", kernel, "kernel_path", why, "opus", opus)
	err = <-done
	stop()
	if second := <-done; err == nil {
		err = second
	}
	return err
}

// networks reads prefixes, and addresses as networks of one.
func networks(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if a, one := netip.ParseAddr(text); one == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--ng-from %q is not a network like 192.0.2.0/28", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// interfaces reads [NAME=]ADDRESS[!ADVERTISED].
func interfaces(list []string) ([]relay.Interface, error) {
	var out []relay.Interface
	for _, text := range list {
		in := relay.Interface{Name: "default"}
		rest := text
		if name, after, ok := strings.Cut(text, "="); ok {
			in.Name, rest = name, after
		}
		bind, shown, advertised := strings.Cut(rest, "!")
		var err error
		if in.Bind, err = netip.ParseAddr(bind); err == nil && advertised {
			in.Advertise, err = netip.ParseAddr(shown)
		}
		if err != nil {
			return nil, fmt.Errorf("--interface %q is not like 192.0.2.1 or inside=10.0.0.5!192.0.2.1: %w", text, err)
		}
		for _, other := range out {
			if other.Name == in.Name {
				return nil, fmt.Errorf("two interfaces are called %q; put a name before each: inside=10.0.0.5", in.Name)
			}
		}
		out = append(out, in)
	}
	return out, nil
}

func portRange(text string) (low, high int, err error) {
	a, b, ok := strings.Cut(text, "-")
	low, err1 := strconv.Atoi(a)
	high, err2 := strconv.Atoi(b)
	if !ok || err1 != nil || err2 != nil || low < 1024 || high > 65535 || high-low < 3 {
		return 0, 0, fmt.Errorf("--ports %q is not a range of at least four ports, such as 16384-32767", text)
	}
	return low, high, nil
}

func newMediaProbeCommand() *cobra.Command {
	p := probe.Plan{}
	var bind string
	c := &cobra.Command{
		Use:   "probe",
		Short: "Make a call through a relay and say what is heard",
		Long: `Open a call through a relay's control port as two phones would, speak a tone at
both ends, and say what each hears: loss, jitter, delay, frequency and level. It
works on any relay that speaks the ng protocol.`,
		Example: `  tandem media probe
  tandem media probe --codec-a opus --codec-b PCMU --srtp`,
		Args: command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if p.Bind, err = netip.ParseAddr(bind); err != nil {
				return command.Usage("--bind %q is not an address", bind)
			}
			if p.Seconds < 2 || p.Seconds > 600 {
				return command.Usage("--seconds %d: use 2 to 600", p.Seconds)
			}
			r, err := probe.Run(c.Context(), p)
			if err != nil {
				return err
			}
			if err := command.Print(c, r, func(w io.Writer) { printProbe(w, r) }); err != nil {
				return err
			}
			if !r.OK() {
				return fmt.Errorf("the relay failed the probe")
			}
			return nil
		},
	}
	c.Flags().StringVar(&p.NG, "ng", defaultNG, "address of the relay's control port")
	c.Flags().StringVar(&bind, "bind", "127.0.0.1", "address of this machine the relay can reach")
	c.Flags().StringVar(&p.CodecA, "codec-a", "PCMU", "codec of the calling end")
	c.Flags().StringVar(&p.CodecB, "codec-b", "PCMU", "codec of the called end")
	c.Flags().BoolVar(&p.SDES, "srtp", false, "protect the calling end's media")
	c.Flags().IntVar(&p.Seconds, "seconds", 4, "how long to talk")
	command.Complete(c, "codec-a", probe.Codecs()...)
	command.Complete(c, "codec-b", probe.Codecs()...)
	return c
}

func printProbe(w io.Writer, r probe.Result) {
	fmt.Fprintf(w, "set up in %s\n", r.Setup.Round(10*time.Microsecond))
	for _, e := range []struct {
		name string
		h    probe.Heard
	}{{"calling end", r.A}, {"called end", r.B}} {
		fmt.Fprintf(w, "%-12s %-5s from %s: %d packets, %d lost, jitter %s, delay %s, %.0f Hz at %.1f dBFS", e.name, e.h.Codec, e.h.From,
			e.h.Received, e.h.Lost, e.h.Jitter, e.h.Delay.Round(100*time.Microsecond), e.h.Frequency, e.h.Level)
		if e.h.Fault != "" {
			fmt.Fprintf(w, "  FAULT: %s", e.h.Fault)
		}
		fmt.Fprintln(w)
	}
}
