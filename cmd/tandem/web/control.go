package web

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

// Control serves the control interface on a socket only this user may open.
type Control struct {
	l      net.Listener
	server http.Server
}

// ListenControl opens the socket, that of a server which is gone included. The error of
// one that runs says what to do.
func ListenControl(path string, h http.Handler) (*Control, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: a server is running on this data folder; stop it, or give this one another folder", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing the socket of a server that has ended: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	c := &Control{l: l}
	c.server.Handler = h
	c.server.ConnContext = access.Socket
	c.server.ReadHeaderTimeout = 5 * time.Second
	return c, nil
}

// Run serves until ctx ends.
func (c *Control) Run(ctx context.Context) error { return Serve(ctx, &c.server, c.l) }

// Close ends it, also when it was never served.
func (c *Control) Close() error {
	c.l.Close() // already closed when it was served
	return c.server.Close()
}
