package relay

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// arrivals are the sockets of a Network at which datagrams have arrived, in order, one
// entry for each datagram.
type arrivals struct {
	mu      sync.Mutex
	sockets []*Socket
	wake    chan struct{}
}

func (a *arrivals) add(s *Socket) {
	a.mu.Lock()
	a.sockets = append(a.sockets, s)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *arrivals) take() []*Socket {
	a.mu.Lock()
	defer a.mu.Unlock()
	sockets := a.sockets
	a.sockets = nil
	return sockets
}

// runNetwork serves the sockets of a Network until ctx ends.
func (w *worker) runNetwork(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.arrived.wake:
			w.attendAll(w.arrived.take())
		}
	}
}

// attendAll serves sockets as look does.
func (w *worker) attendAll(sockets []*Socket) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w.thread.Store(int64(unix.Gettid()))
	defer w.thread.Store(0)
	now := time.Now()
	w.turn++
	for _, s := range sockets {
		w.attend(s, now)
	}
}

// bindIn opens a port of a Network.
func (s *Socket) bindIn(n Network) error {
	port, err := n.Bind(s.local, func() { s.worker.arrived.add(s) })
	if err != nil {
		return err
	}
	s.port, s.local = port, port.Local()
	return nil
}

// receive takes what has arrived, without waiting.
func (s *Socket) receive(b []byte, from *sockaddr) (int, unix.Errno) {
	if s.port == nil {
		return receiveFrom(s.fd, b, from)
	}
	n, at, ok := s.port.Read(b)
	if !ok {
		return 0, unix.EAGAIN
	}
	from.put(at, s.v6)
	return n, 0
}

// transmit sends to an address, or to the connected peer when to is nil.
func (s *Socket) transmit(b []byte, to *sockaddr) unix.Errno {
	if s.port == nil {
		return sendTo(s.fd, b, to)
	}
	var at netip.AddrPort
	if to != nil {
		at = to.addrPort()
	}
	s.port.Write(b, at)
	return 0
}

func (s *Socket) connectTo(peer *sockaddr) unix.Errno {
	if s.port == nil {
		return connect(s.fd, peer)
	}
	s.port.Connect(peer.addrPort())
	return 0
}

func (s *Socket) shut() {
	if s.port == nil {
		unix.Close(s.fd)
		return
	}
	_ = s.port.Close()
}
