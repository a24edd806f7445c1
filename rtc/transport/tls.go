package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// shake completes the TLS handshake of c.tls within limit.
func (c *conn) shake(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(c.t.ctx, limit)
	defer cancel()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	st := c.tls.ConnectionState()
	c.tlsState.Store(&st)
	return nil
}

// handshakeOut is the client's side: the peer must prove the name for which the request
// was meant (RFC 5922 §7.3), or its address when there was no name.
func (c *conn) handshakeOut() error {
	if c.proto != TLS {
		return nil
	}
	cfg := c.t.cfg.ClientTLS.Clone()
	cfg.ServerName = c.serverName
	if cfg.ServerName == "" {
		cfg.ServerName = c.remote.Addr().WithZone("").String()
	}
	limit := c.t.cfg.HandshakeLimit
	_ = c.link.SetDeadline(time.Now().Add(limit)) // fails only when closed
	c.tls = tls.Client(c.link, cfg)
	return c.shake(limit)
}
