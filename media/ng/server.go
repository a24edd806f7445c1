package ng

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tandem/media"
)

// Server answers requests with one media server. It handles one request at a time, in
// the order in which they arrive.
type Server struct {
	media *media.Server
	log   *slog.Logger
	conn  *net.UDPConn
	told  answers

	from   []netip.Prefix // networks that may send requests
	denied uint64         // requests from elsewhere
	warned map[string]bool

	folders Folders
	began   time.Time

	mu    sync.Mutex
	calls map[string]*call // by Call-ID
	made  uint64           // number of calls so far
}

// Listen binds the control port. Run must be called to serve it.
func Listen(addr string, m *media.Server, log *slog.Logger) (*Server, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("the control address %q is not like 127.0.0.1:2223: %w", addr, err)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return nil, fmt.Errorf("opening the control port: %w; another relay may have it", err)
	}
	s := &Server{media: m, log: log, conn: conn, calls: map[string]*call{}, began: time.Now(), told: answers{texts: map[string]told{}}, warned: map[string]bool{}}
	s.from = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if own := a.Addr().Unmap().WithZone(""); !own.IsUnspecified() {
		s.from = append(s.from, netip.PrefixFrom(own, own.BitLen()))
	}
	return s, nil
}

// From allows requests from networks, in addition to this machine: the protocol has no
// password. Call it before Run.
func (s *Server) From(networks ...netip.Prefix) { s.from = append(s.from, networks...) }

// may reports whether an address may send requests. The first refusal is logged, then
// every thousandth.
func (s *Server) may(from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	if slices.ContainsFunc(s.from, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return true
	}
	if s.denied%1000 == 0 {
		s.log.Warn("control request from an address that may not; let its network with --ng-from if it should", "from", from.String(), "so_far", s.denied)
	}
	s.denied++
	return false
}

// Addr returns its address.
func (s *Server) Addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// maxReply is a length that always fits into a datagram after a cookie.
const maxReply = 60000

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = s.conn.Close() })()
	b := make([]byte, 1<<16)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serving the control port: %w", err)
		case err != nil:
			continue // an earlier reply could not be delivered
		}
		if !s.may(from.Addr()) {
			continue
		}
		if reply := s.handle(b[:n], from); reply != nil {
			_, _ = s.conn.WriteToUDPAddrPort(reply, from) // the client repeats the request
		}
	}
}

// handle answers one datagram; nil is no answer.
func (s *Server) handle(b []byte, from netip.AddrPort) []byte {
	cookie, text, ok := bytes.Cut(b, []byte(" "))
	if !ok || len(cookie) == 0 || len(cookie) > 128 {
		return nil
	}
	key := from.String() + " " + string(cookie)
	if reply := s.told.find(key); reply != nil {
		return reply
	}
	request, err := decode(text)
	if err != nil {
		return encode(append(bytes.Clone(cookie), ' '), failure(err))
	}
	began := time.Now()
	answer := s.answer(request)
	s.log.Debug("control", "method", request.String("command"), "call_id", request.String("call-id"), "result", answer.String("result"), "err", answer.String("error-reason"), "dur", time.Since(began))
	reply := encode(append(bytes.Clone(cookie), ' '), answer)
	if len(reply) > maxReply+len(cookie) {
		reply = encode(append(bytes.Clone(cookie), ' '), failure(errors.New("the reply does not fit into a datagram")))
	}
	s.told.keep(key, reply)
	return reply
}

func failure(err error) Dict { return Dict{"result": "error", "error-reason": err.Error()} }

func (s *Server) answer(r Dict) Dict {
	var out Dict
	var err error
	switch command := r.String("command"); command {
	case "ping":
		return Dict{"result": "pong"}
	case "offer":
		out, err = s.offer(r)
	case "answer":
		out, err = s.answered(r)
	case "delete":
		out, err = s.remove(r)
	case "query":
		out, err = s.query(r)
	case "list":
		out, err = s.list(r)
	case "play DTMF":
		out, err = s.press(r)
	case "play media":
		out, err = s.playMedia(r)
	case "stop media":
		out, err = s.stopMedia(r)
	case "start recording":
		out, err = s.startRecording(r)
	case "stop recording":
		out, err = s.stopRecording(r)
	case "statistics":
		out, err = s.statistics(r)
	default:
		err = unknown(command)
	}
	if err != nil {
		return failure(err)
	}
	out["result"] = "ok"
	s.warn(r, out)
	return out
}

// answers keeps the last replies, so that a repeated request gets the same reply and is
// not done again. It is not safe for concurrent use.
type answers struct {
	texts map[string]told
	order []string
	size  int
}

type told struct {
	text []byte
	at   time.Time
}

// A client gives up long before a reply is dropped by age. Number and size of the
// replies are limited against a client out of control.
const (
	answersKept = 8192 // seconds of a busy proxy
	answersSize = 8 << 20
	answersAge  = 30 * time.Second
)

func (a *answers) find(key string) []byte {
	if t, ok := a.texts[key]; ok && time.Since(t.at) < answersAge {
		return t.text
	}
	return nil
}

func (a *answers) keep(key string, reply []byte) {
	if old, ok := a.texts[key]; ok { // expired, but still in the order
		a.size += len(reply) - len(old.text)
		a.texts[key] = told{reply, time.Now()}
		return
	}
	a.order = append(a.order, key)
	a.texts[key] = told{reply, time.Now()}
	a.size += len(reply)
	for len(a.order) > answersKept || a.size > answersSize {
		a.size -= len(a.texts[a.order[0]].text)
		delete(a.texts, a.order[0])
		a.order = a.order[1:]
	}
}
