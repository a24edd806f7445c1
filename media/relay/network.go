package relay

import "net/netip"

// Network replaces the kernel's UDP as the place where a plane binds its ports. A
// network in memory (media/relay/memnet) lets media run on a virtual clock, where no
// goroutine may wait for a real socket.
type Network interface {
	// Bind opens a port; number 0 means any free one. ready is called once for each
	// datagram that arrives, and must not block.
	Bind(local netip.AddrPort, ready func()) (Port, error)
}

// Port is one UDP port of a Network. Its methods never block, and any goroutine
// may call them.
type Port interface {
	Local() netip.AddrPort
	// Connect drops the datagrams of all other peers, as connect(2) does; an invalid
	// peer opens the port to all again.
	Connect(peer netip.AddrPort)
	// Read takes the next datagram; ok is false when there is none.
	Read(b []byte) (n int, from netip.AddrPort, ok bool)
	Write(b []byte, to netip.AddrPort)
	Close() error
}
