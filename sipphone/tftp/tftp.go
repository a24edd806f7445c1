// Package tftp gives phones their files over TFTP (RFC 1350, 2347 to 2349), read
// only. TFTP knows no passwords, so what a phone gets is decided by its network
// and its window alone; package provision does that.
//
// Nobody can use it against others: a refusal is smaller than the request, and an
// address has few transfers under way, each with few repetitions.
package tftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pin/tftp/v3"

	"tandem/sipphone/provision"
)

// Bounds.
const (
	maxTransfers  = 256 // at a time
	maxOfAddress  = 8   // at a time, of one address
	timeout       = 2 * time.Second
	retries       = 3
	maxBlock      = 1428 // octets: one Ethernet frame
	requestsBurst = 60   // of one address: a phone that boots asks for about ten files
	requestsEvery = time.Second
	maxSources    = 8192
)

// Server serves the files of a Desk.
type Server struct {
	conn net.PacketConn
	desk *provision.Desk
	log  *slog.Logger
	tftp *tftp.Server

	mu      sync.Mutex
	running int
	sources map[netip.Addr]*source
}

type source struct {
	running int
	tokens  float64
	seen    time.Time
}

// Listen opens the UDP port.
func Listen(addr string, desk *provision.Desk, log *slog.Logger) (*Server, error) {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another port, or \"\" for none; ports below 1024 need the right to open them (CAP_NET_BIND_SERVICE)", err)
	}
	s := &Server{conn: conn, desk: desk, log: log, sources: make(map[netip.Addr]*source)}
	s.tftp = tftp.NewServer(s.read, func(string, io.WriterTo) error { return errNo })
	s.tftp.SetTimeout(timeout)
	s.tftp.SetRetries(retries)
	s.tftp.SetBlockSize(maxBlock)
	return s, nil
}

// Addr it listens on.
func (s *Server) Addr() net.Addr { return s.conn.LocalAddr() }

// Close closes the port.
func (s *Server) Close() error { return s.conn.Close() }

// Run serves until ctx ends; transfers under way may end.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.tftp.Shutdown)
	defer stop()
	if err := s.tftp.Serve(s.conn); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// errNo is all that those are told who get nothing: seven octets, fewer than any
// request has.
var errNo = errors.New("no")

// read gives one file.
func (s *Server) read(name string, to io.ReaderFrom) error {
	peer := to.(tftp.OutgoingTransfer).RemoteAddr()
	from, ok := netip.AddrFromSlice(peer.IP)
	if !ok {
		return errNo
	}
	from = from.Unmap()
	if !s.begin(from) {
		s.log.Warn("too many requests over TFTP", "peer", from)
		return errNo
	}
	defer s.end(from)
	doc, err := s.desk.Get(context.Background(), provision.Request{Path: name, From: from, Way: provision.TFTP})
	if err != nil {
		return errNo
	}
	defer doc.Close()
	if _, err := to.ReadFrom(doc); err != nil {
		s.log.Debug("transfer ended early", "peer", from, "path", name, "err", err)
		return os.ErrDeadlineExceeded
	}
	return nil
}

// begin counts a transfer, and refuses one too many.
func (s *Server) begin(from netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	f := s.sources[from]
	if f == nil {
		if len(s.sources) >= maxSources {
			s.forget(now)
		}
		f = &source{tokens: requestsBurst, seen: now}
		s.sources[from] = f
	}
	f.tokens = min(requestsBurst, f.tokens+float64(now.Sub(f.seen))/float64(requestsEvery))
	f.seen = now
	if f.tokens < 1 || f.running >= maxOfAddress || s.running >= maxTransfers {
		return false
	}
	f.tokens--
	f.running++
	s.running++
	return true
}

func (s *Server) end(from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if f := s.sources[from]; f != nil {
		f.running--
	}
}

// forget makes room: who has nothing under way and all tokens again is as if never
// seen; when there are none of those, whoever has nothing under way.
func (s *Server) forget(now time.Time) {
	for _, idle := range []time.Duration{requestsBurst * requestsEvery, 0} {
		for a, f := range s.sources {
			if f.running == 0 && now.Sub(f.seen) >= idle {
				delete(s.sources, a)
			}
		}
		if len(s.sources) < maxSources {
			return
		}
	}
}
