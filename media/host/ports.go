package host

import (
	"fmt"
	"os"
)

// portRange is where Linux shows which ports it gives to programs that ask for any
// port.
const portRange = "/proc/sys/net/ipv4/ip_local_port_range"

// kernelPorts returns the first and last port that the kernel gives to programs that
// ask for any.
func kernelPorts() (low, high int, err error) { return readPorts(portRange) }

func readPorts(file string) (low, high int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the kernel's port range: %w", err)
	}
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		return 0, 0, fmt.Errorf("reading the kernel's port range in %s: %w", file, err)
	}
	return low, high, nil
}

// PortsShared returns how many of the ports low to high the kernel may give to other
// programs, and how to fix that; "" when there are none or the kernel does not say.
// Calls skip such a port while it is in use, so nothing breaks, but fewer calls fit.
func PortsShared(low, high int) (n int, remedy string) {
	from, to, err := kernelPorts()
	if err != nil {
		return 0, ""
	}
	return shared(low, high, from, to)
}

func shared(low, high, from, to int) (n int, remedy string) {
	first, last := max(low, from), min(high, to)
	if n = last - first + 1; n <= 0 {
		return 0, ""
	}
	return n, fmt.Sprintf("the kernel gives %d to %d to any program; choose media ports outside, or sysctl net.ipv4.ip_local_reserved_ports=%d-%d", from, to, first, last)
}
