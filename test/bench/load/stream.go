package load

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// wire is a way to the server: a UDP socket or one TCP connection.
type wire interface {
	buf() []byte    // where the next message is written
	queue(b []byte) // what was written there goes out with flush
	flush()
	read(f func([]byte)) int
	local() int // port of this side
	file() int32
	Close()
}

func (s *socket) local() int  { return s.port }
func (s *socket) file() int32 { return int32(s.fd) }

// stream is a TCP connection whose messages have no bodies.
type stream struct {
	fd, port int
	out      []byte
	in       []byte
}

func dialStream(port int) (*stream, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}); err != nil {
		return nil, fmt.Errorf("connecting to TCP port %d: %w", port, err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return nil, err
	}
	return &stream{fd: fd, port: sa.(*unix.SockaddrInet4).Port}, unix.SetNonblock(fd, true)
}

func (s *stream) local() int     { return s.port }
func (s *stream) file() int32    { return int32(s.fd) }
func (s *stream) Close()         { unix.Close(s.fd) }
func (s *stream) buf() []byte    { return s.out }
func (s *stream) queue(b []byte) { s.out = b }

func (s *stream) flush() {
	for len(s.out) > 0 {
		n, err := unix.Write(s.fd, s.out)
		if err == unix.EAGAIN {
			unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, 100)
			continue
		}
		if err != nil {
			s.out = s.out[:0]
			return
		}
		s.out = append(s.out[:0], s.out[n:]...)
	}
}

func (s *stream) read(f func([]byte)) int {
	var b [64 << 10]byte
	n, err := unix.Read(s.fd, b[:])
	if err != nil || n <= 0 {
		return 0
	}
	s.in = append(s.in, b[:n]...)
	count := 0
	rest := s.in
	for {
		i := bytes.Index(rest, []byte("\r\n\r\n"))
		if i < 0 {
			break
		}
		f(rest[:i+4])
		rest = rest[i+4:]
		count++
	}
	s.in = append(s.in[:0], rest...)
	return count
}
