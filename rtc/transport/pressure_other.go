//go:build !linux

package transport

// backlog is not known outside Linux.
func (s *udpSocket) backlog() (fill float64, drops uint32, ok bool) { return 0, 0, false }
