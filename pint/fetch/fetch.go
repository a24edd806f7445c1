// Package fetch gets what requests name by uri:, and nothing else: whoever may ask
// for a service must not reach, by way of this server, what only this server can.
//
// Hosts are those of a list. Addresses are judged when they are connected to, after
// the name was resolved, so that a name cannot lead elsewhere than it did. A redirect
// to another host is not followed. Size and time are bounded.
package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Config of a Fetcher. Zero values take the defaults.
type Config struct {
	Hosts    []string       // that may be asked: "files.example.com", "*.example.com"; none: nothing is fetched
	Networks []netip.Prefix // that may be reached besides the public ones
	Octets   int64          // at most; default 10 MiB
	Time     time.Duration  // for all of it; default 10 s
	TLS      *tls.Config
	Resolver *net.Resolver // nil: the system's
}

// ErrForbidden is the error of what may not be fetched. What is returned wraps it
// and says what to do.
var ErrForbidden = errors.New("may not be fetched")

// Fetcher fetches. It may be used from anywhere.
type Fetcher struct {
	cfg    Config
	client http.Client
}

// redirects that are followed at most, all on the same host.
const redirects = 3

// New makes a Fetcher.
func New(cfg Config) *Fetcher {
	if cfg.Octets <= 0 {
		cfg.Octets = 10 << 20
	}
	if cfg.Time <= 0 {
		cfg.Time = 10 * time.Second
	}
	f := &Fetcher{cfg: cfg}
	dialer := net.Dialer{Timeout: 5 * time.Second, Resolver: cfg.Resolver, Control: f.control}
	f.client = http.Client{
		Timeout:       cfg.Time,
		CheckRedirect: f.redirect,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext, // no proxy: it would connect elsewhere for us
			TLSClientConfig:        cfg.TLS,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxResponseHeaderBytes: 16 << 10,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
		},
	}
	return f
}

// control judges the address that is connected to.
func (f *Fetcher) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := at.Addr().Unmap().WithZone("")
	if public(a) || slices.ContainsFunc(f.cfg.Networks, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	return fmt.Errorf("%s: %w: it is not a public address; add its network to pint.fetch_from if requests may name it", a, ErrForbidden)
}

// special are networks that are reached, but not by everybody (RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("::/96"),
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// redirect follows within a host alone.
func (f *Fetcher) redirect(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > redirects:
		return fmt.Errorf("%w: more than %d redirections", ErrForbidden, redirects)
	case !strings.EqualFold(r.URL.Host, first.Host) || first.Scheme == "https" && r.URL.Scheme != "https":
		return fmt.Errorf("%w: it redirects to %s: name that address in the request", ErrForbidden, r.URL.Host)
	}
	_, err := f.check(r.URL.String())
	return err
}

// Check reports whether a URI may be fetched as far as it shows: addresses are
// judged later.
func (f *Fetcher) Check(uri string) error {
	_, err := f.check(uri)
	return err
}

func (f *Fetcher) check(uri string) (*url.URL, error) {
	u, err := url.Parse(uri)
	if err != nil || len(uri) > 2048 {
		return nil, fmt.Errorf("%.80q: %w: it is not a URI", uri, ErrForbidden)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("%.80q: %w: only http and https are", uri, ErrForbidden)
	case u.User != nil:
		return nil, fmt.Errorf("%s: %w: leave out user and password", u.Hostname(), ErrForbidden)
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if !slices.ContainsFunc(f.cfg.Hosts, func(h string) bool { return fits(strings.ToLower(h), host) }) {
		return nil, fmt.Errorf("%.80s: %w: add the host to pint.fetch_hosts if requests may name it", host, ErrForbidden)
	}
	return u, nil
}

func fits(pattern, host string) bool {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		return strings.HasSuffix(host, "."+rest)
	}
	return pattern == host
}

// Get fetches a URI. media is its type without parameters.
func (f *Fetcher) Get(ctx context.Context, uri string) (media string, body []byte, err error) {
	u, err := f.check(uri)
	if err != nil {
		return "", nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	res, err := f.client.Do(r)
	if err != nil {
		return "", nil, fmt.Errorf("fetching: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("fetching from %s: it answers %s", u.Host, res.Status)
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, f.cfg.Octets+1))
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("fetching from %s: %w", u.Host, err)
	case int64(len(body)) > f.cfg.Octets:
		return "", nil, fmt.Errorf("%s: %w: it is larger than %d octets", u.Host, ErrForbidden, f.cfg.Octets)
	}
	media, _, err = mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	return media, body, nil
}
