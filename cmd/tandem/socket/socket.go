// Package socket has what programs on sipgo have in common: their user agent, the address
// they send from, and their UDP socket. sipgo sends from a socket only once it reads it,
// and before that opens another one on the same port.
package socket

import (
	"errors"
	"net"
	"sync"
)

// Serve has serve read conn on a goroutine of wg, and returns when it reads, or has
// given up. failed is told why it ended, unless the socket was closed.
func Serve(wg *sync.WaitGroup, conn net.PacketConn, serve func(net.PacketConn) error, failed func(error)) {
	s := &watched{PacketConn: conn, read: make(chan struct{})}
	wg.Go(func() {
		defer s.begun()
		if err := serve(s); err != nil && !errors.Is(err, net.ErrClosed) {
			failed(err)
		}
	})
	<-s.read
}

// watched tells when it is read for the first time.
type watched struct {
	net.PacketConn
	once sync.Once
	read chan struct{}
}

// ReadFrom implements net.PacketConn.
func (w *watched) ReadFrom(b []byte) (int, net.Addr, error) {
	w.begun()
	return w.PacketConn.ReadFrom(b)
}

func (w *watched) begun() { w.once.Do(func() { close(w.read) }) }
