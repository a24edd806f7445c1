package outbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errForbidden is the error of a request to an address that no hook may reach.
var errForbidden = errors.New("address not allowed for webhooks")

// transport sends requests only where hooks may lead: an administrator of users
// must not reach, by a hook, what only this machine can.
type transport struct{ tls, plain *http.Transport }

// NewTransport makes the way to hooks. Addresses of this machine and of the link
// are refused, and so is http without TLS, but for those in allowed. The address is
// checked when it is connected to, so that a name cannot lead elsewhere than it did.
func NewTransport(conf *tls.Config, allowed []netip.Prefix) http.RoundTripper {
	permitted := func(a netip.Addr) bool {
		return slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return &transport{
		tls:   to(conf, func(a netip.Addr) bool { return permitted(a) || public(a) }),
		plain: to(conf, permitted),
	}
}

// public is what is neither this machine nor the link it is on.
func public(a netip.Addr) bool {
	return a.IsValid() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified()
}

func to(conf *tls.Config, may func(netip.Addr) bool) *http.Transport {
	d := net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if a := ap.Addr().Unmap().WithZone(""); !may(a) {
			return fmt.Errorf("%s: %w: add it to api.webhooks_to if hooks may reach it", a, errForbidden)
		}
		return nil
	}}
	return &http.Transport{
		DialContext:            d.DialContext, // no proxy: it would connect elsewhere for us
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    workers,
		MaxConnsPerHost:        2 * workers,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 16 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return t.tls.RoundTrip(r)
	}
	return t.plain.RoundTrip(r)
}
