package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/bridge"
	"tandem/media/relay"
	"tandem/media/secure"
	"tandem/media/transcode"
	"tandem/media/transport"
)

// Server owns the sockets, workers and sessions of one process.
type Server struct {
	c        Config
	plant    bridge.Plant
	identity *secure.Identity

	mu       sync.Mutex
	sessions map[string]*Session
	closed   bool
	tasks    sync.WaitGroup // of sessions; see Session.later
	serials  atomic.Uint64
	ended    atomic.Bool // Run has ended: no listener is called any more
}

// settledFor is how long a direction must have passed unchanged before it moves into
// the kernel: it is not worth it for short calls and the first seconds of calls.
const settledFor = 2 * time.Second

// ErrFull means that there is no free session, or no free port.
var ErrFull = errors.New("the media relay is full")

// New makes a server. Only the ICE port is bound before sessions open.
func New(c Config) (*Server, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	plane, err := relay.Open(relay.Config{
		Interfaces: c.Interfaces, PortMin: c.PortMin, PortMax: c.PortMax,
		Workers: c.Workers, DSCP: c.DSCP, Kernel: c.Kernel, Network: c.Network, Logger: c.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the media relay: %w", err)
	}
	identity, err := secure.NewIdentity()
	if err != nil {
		plane.Close()
		return nil, fmt.Errorf("making the certificate for media: %w", err)
	}
	s := &Server{
		c: c, identity: identity, sessions: map[string]*Session{},
		plant: bridge.Plant{
			Plane: plane, Pool: transcode.NewPool(c.Converters),
			Silence: c.Silence, Idle: c.Idle, Held: c.Held, Settle: settledFor,
			Opus: c.Opus.options(), DecodeInGo: c.Opus.DecodeInGo, Logger: c.Logger,
		},
	}
	s.plant.Host, err = transport.NewHost(transport.Config{
		Plane: plane, Identity: identity, Strict: c.Learn == LearnNever, ICEPort: c.ICEPort, Interfaces: c.Interfaces,
	})
	if err != nil {
		plane.Close()
		return nil, err
	}
	return s, nil
}

// Run serves until ctx ends, then closes all sessions and sockets. It does not wait for
// listeners, since one may be stuck; after Run has returned none is called any more.
func (s *Server) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wait sync.WaitGroup
	failed := make(chan error, 2)
	for _, run := range []func(context.Context) error{s.plant.Plane.Run, s.plant.Pool.Run} {
		wait.Go(func() { failed <- run(inner) })
	}
	wait.Go(func() { s.watch(inner) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.closeAll()
	stop()
	wait.Wait()
	s.tasks.Wait()
	s.ended.Store(true)
	return err
}

// watch checks all sessions: reports, silence, consent.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	space := make([]byte, 0, 1024)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, session := range s.Sessions() {
				session.bridge.Watch(now, space)
			}
		}
	}
}

// Open makes a session. id is the call's, for logs and look-up.
func (s *Server) Open(id string, o Options) (*Session, error) {
	session := newSession(s, id, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errors.New("the media server is stopping")
	case len(s.sessions) >= s.c.Sessions:
		return nil, fmt.Errorf("%w: %d sessions are open", ErrFull, s.c.Sessions)
	case s.sessions[id] != nil:
		return nil, fmt.Errorf("media session %q is open already", id)
	}
	s.sessions[id] = session
	return session, nil
}

// Load returns how full the server is, 0 to 1: the greater share of used sessions and
// used ports.
func (s *Server) Load() float64 {
	s.mu.Lock()
	open := len(s.sessions)
	s.mu.Unlock()
	return max(float64(open)/float64(s.c.Sessions), s.plant.Plane.Load())
}

// Kernel reports whether plain streams are forwarded in the kernel, and by what or why
// not.
func (s *Server) Kernel() (ok bool, why string) { return s.plant.Plane.Kernel() }

// Interfaces returns the networks on which ports are opened; the first is the default.
func (s *Server) Interfaces() []relay.Interface { return slices.Clone(s.c.Interfaces) }

// Session returns the session with an id, or nil.
func (s *Server) Session(id string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

// Sessions returns all open sessions.
func (s *Server) Sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		all = append(all, session)
	}
	return all
}

func (s *Server) forget(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[session.id] == session {
		delete(s.sessions, session.id)
	}
}

func (s *Server) closeAll() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, session := range s.Sessions() {
		session.Close()
	}
	if left := s.plant.Host.Close(); left > 0 {
		s.c.Logger.Warn("media ports are left open", "held", left)
	}
}
