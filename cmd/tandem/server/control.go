package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"tandem/cmd/tandem/api/access"
)

// control serves the control interface on a socket only this user may open.
type control struct {
	path   string
	l      net.Listener
	server http.Server
}

func listenControl(path string, h http.Handler) (*control, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: a server is running on this data folder; stop it, or give this one another folder", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing the socket of a server that is gone: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	c := &control{path: path, l: l}
	c.server.Handler = h
	c.server.ConnContext = access.Socket
	c.server.ReadHeaderTimeout = 5 * time.Second
	return c, nil
}

func (c *control) run(ctx context.Context) error { return serveHTTP(ctx, &c.server, c.l) }

func (c *control) close() error {
	c.l.Close() // already closed when it was served
	return c.server.Close()
}

// serveHTTP serves until ctx ends; streams under way are cut.
func serveHTTP(ctx context.Context, s *http.Server, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
