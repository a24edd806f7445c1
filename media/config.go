package media

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"tandem/media/codec"
	"tandem/media/host"
	"tandem/media/relay"
)

// Config is what a media server needs. The zero value of a field means its
// default.
type Config struct {
	Interfaces []relay.Interface // see network for the choice; default: those found
	PortMin    int               // default 16384
	PortMax    int               // default 32767, or 16383 more than PortMin
	ICEPort    int               // one port for all sides with ICE; 0 = a port for each
	Workers    int               // relaying; default one per core
	Converters int               // converting; default one per core
	DSCP       int               // default 46
	Kernel     string            // auto, on, off
	Sessions   int               // at the same time; default 10000
	Silence    time.Duration     // EventOneWay after this time without RTP; default 3 s
	Idle       time.Duration     // EventIdle when no side sends anything for this time; default 60 s
	Held       time.Duration     // the same while none has to send: on hold, or before an answer; default 1 h
	Learn      LearnPolicy       // which addresses are believed
	Opus       Opus
	Network    relay.Network // opens the ports; nil = UDP of the kernel
	Logger     *slog.Logger
}

// Opus says how Opus is converted.
type Opus struct {
	Bitrate    int  // of what we encode, bit/s; 0 = chosen by the rate of the other side
	Complexity int  // 1 to 10; 0 = 1 for telephone bandwidth, 5 above
	DecodeInGo bool // decode in Go even if libopus is there: no C code for input of strangers, at twice the cost
}

func (o Opus) options() codec.Options {
	return codec.Options{Bitrate: o.Bitrate, Complexity: o.Complexity}
}

// LearnPolicy says when packets from another address than the signalled one
// are believed.
type LearnPolicy string

const (
	// LearnAfterSignalling believes several valid packets of one stream in the seconds
	// after each offer or answer. Phones behind NAT need this.
	LearnAfterSignalling LearnPolicy = "after-signalling"
	// LearnNever believes only the signalled address.
	LearnNever LearnPolicy = "never"
)

func (c *Config) fill() error {
	if len(c.Interfaces) == 0 {
		c.Interfaces = found()
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
			in.Advertise, _ = host.Address(in.Advertise.Is6())
		}
	}
	standard(&c.PortMin, relay.DefaultPortMin)
	standard(&c.PortMax, relay.PortMaxFor(c.PortMin))
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

// found returns the interfaces to use without configuration: the address that phones
// can reach, for each IP version, and loopback for phones on the machine itself.
func found() (list []relay.Interface) {
	for _, v6 := range []bool{false, true} {
		if addr, how := host.Address(v6); how != host.Loopback {
			list = append(list, relay.Interface{Name: family(v6), Bind: addr})
		}
	}
	for _, loopback := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		if host.Has(loopback) {
			list = append(list, relay.Interface{Name: "loopback-" + family(loopback.Is6()), Bind: loopback})
		}
	}
	return list
}

func family(v6 bool) string {
	if v6 {
		return "ipv6"
	}
	return "ipv4"
}

// network chooses the interface of a side: the named one; otherwise the first that fits
// the address of its signalling (loopback for loopback, the same IP version); otherwise
// the first.
func (c *Config) network(name string, near netip.Addr) (relay.Interface, error) {
	for _, in := range c.Interfaces {
		if name != "" && in.Name == name || name == "" && near.IsValid() && suits(in.Advertise.Unmap(), near.Unmap()) {
			return in, nil
		}
	}
	if name == "" {
		return c.Interfaces[0], nil
	}
	return relay.Interface{}, fmt.Errorf("no media interface is called %q", name)
}

func suits(own, near netip.Addr) bool {
	return own.Is6() == near.Is6() && own.IsLoopback() == near.IsLoopback()
}
