package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/codec"
	"tandem/rtc/trace"
)

// number is the telephone number that is called.
const number = "+49301234567"

// Settings are what the demonstration asks of a server.
type Settings struct {
	Domain  string         // of the users
	UDP     netip.AddrPort // SIP over UDP and TCP
	TLS     netip.AddrPort // SIP over TLS
	Host    string         // address others reach the server at, when it listens on all
	Data    string         // folder of the store
	Gateway string         // SIP URI; every telephone number is routed there
	Log     *slog.Logger
}

// Server is what the demonstration needs of the server.
type Server interface {
	// Start serves as settings say; it has sockets and store open when it returns.
	Start(ctx context.Context, s Settings) error
	// AddUser makes a user of the domain, or gives an existing one a new
	// password, and returns the password.
	AddUser(ctx context.Context, name, display string) (password string, err error)
	// Codecs are those in which the sound of a call came from the caller and from
	// the gateway, as its record has them; callID is of the caller's leg.
	Codecs(ctx context.Context, callID string) (caller, gateway string, err error)
	// Trace is the ring of messages.
	Trace() *trace.Ring
	// Failed is closed when the server has ended by itself.
	Failed() <-chan struct{}
	// Stop ends the server and returns what made it fail, if anything did.
	Stop() error
}

// Config is what the user may choose.
type Config struct {
	Listen string // host:port of SIP; a taken port is replaced by the next free one
	Data   string // folder of the store
	LAN    bool   // listen on all addresses
	Once   bool   // end after the call
	NoCall bool   // only start
	Name   string // by which the reader calls this program
	Width  int    // characters a line
	Out    io.Writer
	Log    *slog.Logger
}

// Run is the whole demonstration. It returns when ctx ends, or with Once after
// the call; the error says what did not work.
func Run(ctx context.Context, cfg Config, server Server) (err error) {
	d := &demo{cfg: cfg, server: server, out: &printer{w: cfg.Out}}
	d.out.title("Tandem demonstration")
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.register(ctx); err != nil {
		return err
	}
	var judgement error
	if !cfg.NoCall {
		if judgement = d.call(ctx); ctx.Err() != nil {
			return nil
		}
	}
	if cfg.Once || judgement != nil {
		return judgement
	}
	d.instructions()
	select {
	case <-ctx.Done():
		d.out.line("\nstopping")
	case <-server.Failed():
		return errors.New("the server has ended")
	}
	return nil
}

// demo is one run.
type demo struct {
	cfg     Config
	server  Server
	out     *printer
	place   place
	gateway *gatewaysim.Gateway
	phone   *softphone.Phone
	users   []user
	started bool
}

type user struct{ name, display, password string }

// start brings up gateway, server and users.
func (d *demo) start(ctx context.Context) (err error) {
	if d.place, err = choose(d.cfg.Listen, d.cfg.LAN); err != nil {
		return err
	}
	if d.place.taken != 0 {
		d.out.line("port %d is taken by another program; using %d", d.place.taken, d.place.sip.Port())
	}
	d.gateway, err = gatewaysim.Start(gatewaysim.Config{
		Addr:    netip.AddrPortFrom(d.place.host, 0),
		Allowed: []netip.Prefix{netip.PrefixFrom(d.place.host, d.place.host.BitLen()), netip.MustParsePrefix("127.0.0.0/8")},
		Log:     d.cfg.Log,
	})
	if err != nil {
		return err
	}
	begun := time.Now()
	err = d.server.Start(ctx, Settings{
		Domain: d.place.host.String(), UDP: d.place.sip, TLS: d.place.tls, Host: d.place.advertise(),
		Data: d.cfg.Data, Gateway: d.gateway.URI(), Log: d.cfg.Log,
	})
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	d.started = true
	d.out.field("server", "up in %d ms: udp and tcp %s, tls %s, data in %s", time.Since(begun).Milliseconds(), d.place.sip, d.place.tls, d.cfg.Data)
	d.out.field("gateway", "%s, simulated: answers every number", d.gateway.Addr())
	d.users = []user{{name: "alice", display: "Alice"}, {name: "bob", display: "Bob"}}
	for i := range d.users {
		u := &d.users[i]
		if u.password, err = d.server.AddUser(ctx, u.name, u.display); err != nil {
			return fmt.Errorf("adding user %s: %w", u.name, err)
		}
		d.out.field("user", "%-6s password %s", u.name, u.password)
	}
	return nil
}

// register brings up alice's phone; it echoes to who calls it.
func (d *demo) register(ctx context.Context) (err error) {
	alice := d.users[0]
	d.phone, err = softphone.New(softphone.Config{
		User: alice.name, Display: alice.display, Password: alice.password, Codecs: demoCodecs(),
		Domain: d.place.host.String(), Server: d.place.server(), Log: d.cfg.Log,
		OnCall: func(in *softphone.Incoming) { d.echo(ctx, in) },
		OnMessage: func(m softphone.Message) {
			d.out.line("%s  message for alice from %s: %q", m.Time.Format("15:04:05"), m.From, m.Text)
		},
	})
	if err != nil {
		return err
	}
	first := make(chan error, 1)
	go func() {
		err := d.phone.StayRegistered(ctx, time.Hour, func(r softphone.Registered, err error) {
			if err == nil {
				select {
				case first <- nil:
					d.out.field("phone", "alice registered for %s in %.1f ms", r.Expires, float64(r.Took.Microseconds())/1000)
				default:
				}
			}
		})
		if err != nil {
			first <- err
		}
	}()
	select {
	case err := <-first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// echo answers a call to alice.
func (d *demo) echo(ctx context.Context, in *softphone.Incoming) {
	d.out.line("%s  %s calls alice: ringing 1 s, then echo", time.Now().Format("15:04:05"), in.From)
	if err := in.Ring(ctx, time.Second); err != nil {
		d.out.line("%s  %v", time.Now().Format("15:04:05"), err)
		return
	}
	call, err := in.Answer()
	if err != nil {
		d.out.line("%s  %v", time.Now().Format("15:04:05"), err)
		return
	}
	r, err := call.Talk(ctx, softphone.TalkOptions{Echo: true})
	if err != nil || r == nil {
		d.out.line("%s  call ended: %v", time.Now().Format("15:04:05"), err)
		return
	}
	d.out.line("%s  call of %s ended after %.1f s; heard %.1f dBFS, %d of %d packets lost",
		time.Now().Format("15:04:05"), in.From, r.Talked/1000, r.Audio.Level, r.Audio.Lost, r.Audio.Lost+r.Audio.Received)
}

func (d *demo) close() error {
	var errs []error
	if d.phone != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := d.phone.Unregister(ctx); err != nil {
			d.cfg.Log.Warn("could not unregister", "err", err)
		}
		errs = append(errs, d.phone.Close())
	}
	if d.started {
		errs = append(errs, d.server.Stop())
	}
	if d.gateway != nil {
		errs = append(errs, d.gateway.Close())
	}
	return errors.Join(errs...)
}

// demoCodecs is Opus alone where it can be spoken, so that the call has to be
// converted for the gateway, which takes PCMU alone; else G.711.
func demoCodecs() []string {
	if _, err := codec.Library(); err != nil {
		return nil
	}
	return []string{"opus"}
}
