package process

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// Ports are taken from below the range the kernel gives to clients
// (ip_local_port_range), and below that of the sound of servers (media.ports), so that
// none is taken between choosing and use: a gateway that found its port taken was one
// that no call could reach, whatever a server did.
const (
	lowPort  = 10000
	highPort = 16000
	attempts = 50
)

// turn goes on through the ports of this machine, so that a second program is
// not given one which the first has yet to open.
var turn = func() *atomic.Uint32 {
	var t atomic.Uint32
	t.Store(rand.Uint32N(highPort - lowPort))
	return &t
}()

// take is the first of n ports in a row.
func take(n int) int {
	return lowPort + int(turn.Add(uint32(n))-uint32(n))%(highPort-lowPort-n)
}

// Port is one that is free on 127.0.0.1 for UDP and TCP.
func Port() (int, error) {
	for range attempts {
		if port := take(1); claim(port) && Free(port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}

// Ports are so many of them.
func Ports(n int) ([]int, error) {
	list := make([]int, n)
	for i := range list {
		var err error
		if list[i], err = Port(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Free reports whether nobody has a port of 127.0.0.1.
func Free(port int) bool {
	addr := Loopback(port)
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	t, err := net.Listen("tcp", addr)
	return errors.Join(err, u.Close()) == nil && t.Close() == nil
}

// Loopback is an address of 127.0.0.1.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Listen opens a free TCP port.
func Listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// RTPPort is a free even port on loopback with the one above it free too.
func RTPPort() (int, error) { return RTPPorts(1) }

// RTPPorts is the first port for a program that takes two more for each of so many
// calls: an even one, and all of them free.
func RTPPorts(calls int) (int, error) {
	for range attempts {
		if p := (take(2*calls+1) + 1) &^ 1; ours(p, 2*calls) {
			return p, nil
		}
	}
	return 0, errors.New("not enough free ports in a row on 127.0.0.1")
}

// ours claims n ports in a row, and reports whether nobody has one of them.
func ours(first, n int) bool {
	for p := first; p < first+n; p++ {
		if !claim(p) || !Free(p) {
			return false
		}
	}
	return true
}
