package media

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"tandem/media/codec"
	"tandem/media/relay"
)

// Config is what a media server needs. The zero value of a field means its
// default.
type Config struct {
	Interfaces []relay.Interface // the first is used when nobody says otherwise; default loopback
	PortMin    int               // default 40000
	PortMax    int               // default 40999
	ICEPort    int               // one port for all ICE sides; 0: a port each
	Workers    int               // relaying; default one per core
	Converters int               // converting; default one per core
	DSCP       int               // default 46
	Kernel     string            // auto, on, off
	Sessions   int               // most at once; default 10000
	Silence    time.Duration     // event OneWay after so long without RTP; default 3 s
	Idle       time.Duration     // event Idle when no side sends anything; default 60 s
	Held       time.Duration     // the same while none has to: on hold, or before an answer; default 1 h
	Learn      LearnPolicy       // whose address is believed
	Opus       Opus
	Network    relay.Network // where ports are bound; nil: UDP of the kernel
	Logger     *slog.Logger
}

// Opus says how Opus is converted.
type Opus struct {
	Bitrate    int  // of what we say, bit/s; 0: by the rate of the other side
	Complexity int  // 1 to 10; 0: 1 to the telephone's band, 5 above
	DecodeInGo bool // even where libopus is there: no C before what strangers send, at twice the cost
}

func (o Opus) options() codec.Options {
	return codec.Options{Bitrate: o.Bitrate, Complexity: o.Complexity}
}

// LearnPolicy says when packets from another address than the signalled one
// are believed.
type LearnPolicy string

const (
	// LearnAfterSignalling believes several good packets of one stream in the
	// seconds after each offer or answer, which is what NAT needs.
	LearnAfterSignalling LearnPolicy = "after-signalling"
	// LearnNever believes the signalled address alone.
	LearnNever LearnPolicy = "never"
)

func (c *Config) fill() error {
	if len(c.Interfaces) == 0 {
		c.Interfaces = []relay.Interface{{Name: "default", Bind: netip.MustParseAddr("127.0.0.1")}}
	}
	for i := range c.Interfaces {
		in := &c.Interfaces[i]
		if !in.Bind.IsValid() {
			return fmt.Errorf("media interface %q has no address to bind", in.Name)
		}
		if !in.Advertise.IsValid() {
			in.Advertise = in.Bind
		}
		if in.Advertise.IsUnspecified() {
			return fmt.Errorf("media interface %q: %s cannot be told to phones; name the address they reach", in.Name, in.Advertise)
		}
	}
	standard(&c.PortMin, 40000)
	standard(&c.PortMax, max(40999, c.PortMin+999))
	standard(&c.DSCP, 46)
	standard(&c.Sessions, 10000)
	standard(&c.Silence, 3*time.Second)
	standard(&c.Idle, time.Minute)
	standard(&c.Held, max(time.Hour, c.Idle))
	standard(&c.Learn, LearnAfterSignalling)
	standard(&c.Kernel, "auto")
	if c.Learn != LearnAfterSignalling && c.Learn != LearnNever {
		return fmt.Errorf("learn %q is unknown; use %s or %s", c.Learn, LearnAfterSignalling, LearnNever)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func standard[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// advertise finds an interface; "" is the first.
func (c *Config) named(name string) (relay.Interface, error) {
	if name == "" {
		return c.Interfaces[0], nil
	}
	for _, in := range c.Interfaces {
		if in.Name == name {
			return in, nil
		}
	}
	return relay.Interface{}, fmt.Errorf("no media interface is called %q", name)
}
