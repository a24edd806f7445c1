package doctor

import (
	"fmt"
	"net/netip"

	"tandem/media/codec"
	"tandem/media/host"
	"tandem/media/relay"
)

// opus says whether calls can be converted to Opus, and by what they are from it.
func opus() Finding {
	const check = "Opus"
	version, err := codec.Library()
	if err != nil {
		return Finding{check, Warn, err.Error(), "calls to Opus phones fall back to G.711, and Opus is decoded in Go at twice the cost; apt install libopus0"}
	}
	return Finding{Check: check, Level: OK, Found: version}
}

// mediaPorts says whether other programs may be given ports that calls need.
func mediaPorts() Finding {
	const check = "media ports"
	low, high := relay.DefaultPortMin, relay.PortMaxFor(relay.DefaultPortMin)
	f := Finding{Check: check, Level: OK, Found: fmt.Sprintf("%d to %d", low, high)}
	if n, remedy := host.PortsShared(low, high); n > 0 {
		f.Level, f.Remedy = Warn, remedy
		f.Found += fmt.Sprintf("; other programs may be given %d of them", n)
	}
	return f
}

// mediaAddress says which address phones are told to send media to.
func mediaAddress() Finding {
	addr, how := host.Address(false)
	f := Finding{Check: "media address", Level: OK, Found: fmt.Sprintf("%s: %s", addr, how)}
	if how == host.Loopback {
		f.Level, f.Remedy = Warn, "only programs of this machine can call; give it an address, or a default route when it has several"
	}
	return f
}

// kernelPath says whether plain media can be forwarded in the kernel. The
// program is loaded and taken away again.
func kernelPath() Finding {
	const check = "media in the kernel"
	plane, err := relay.Open(relay.Config{Interfaces: []relay.Interface{{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}}, Kernel: "auto"})
	if err != nil {
		return Finding{check, Warn, err.Error(), "media is forwarded by the program itself, at some five microseconds a packet"}
	}
	defer plane.Close()
	if ok, why := plane.Kernel(); !ok {
		return Finding{check, OK, "not possible: " + why, "media is forwarded by the program itself; for thousands of calls give it CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"}
	}
	return Finding{Check: check, Level: OK, Found: "possible (eBPF, tcx)"}
}
