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
	Interfaces []relay.Interface // see network for which is used; default: those found
	PortMin    int               // default 16384
	PortMax    int               // default 32767, or 16383 more than PortMin
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

// found are the interfaces of a machine nobody configured: the address phones can
// reach, of either IP version, and loopback for those on the machine itself.
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

// network is the interface of a side: the one named, else the first that suits
// where its signalling comes from (loopback for loopback, the same IP version),
// else the first.
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
