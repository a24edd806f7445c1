//go:build !linux

package transport

type meminfo struct{}

// backlog is not known outside Linux.
func (s *udpSocket) backlog(*meminfo) (fill float64, drops uint32, ok bool) { return 0, 0, false }
