package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Bounds against hostile or broken zones.
const (
	maxRecords    = 32 // of one record set
	maxCandidates = 32 // of one look-up
	maxQueries    = 48 // sent for one look-up
)

// walk is one resolution on its way through DNS.
type walk struct {
	r       *Resolver
	ctx     context.Context
	q       question
	budget  atomic.Int32
	offline bool         // only the cache may be asked
	missed  atomic.Bool  // and it did not know
	until   atomic.Int64 // when the first record used ends (Unix ns), 0 when none was
	out     []Candidate
	trouble error // a query without an answer: the result may be incomplete
}

// resolve is RFC 3263 §4.1 and §4.2.
func (r *Resolver) resolve(ctx context.Context, q question) ([]Candidate, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*r.cfg.Timeout)
	defer cancel()
	w := &walk{r: r, ctx: ctx, q: q}
	w.budget.Store(maxQueries)
	return w.result()
}

// known is the same with what the cache holds; ok is false when that does not
// suffice.
func (r *Resolver) known(q question) (cands []Candidate, ok bool, err error) {
	w := &walk{r: r, q: q, offline: true}
	cands, err = w.result()
	return cands, !w.missed.Load(), err
}

// Fresh is how long what a Lookup of uri finds now stays so: until the time to
// live of the first record it uses is over. It is 0 when the cache does not know
// (any more), and an hour when no DNS is asked.
func (r *Resolver) Fresh(uri sip.URI) time.Duration {
	q, err := r.question(uri)
	if err != nil {
		return 0
	}
	w := &walk{r: r, q: q, offline: true}
	_ = w.run()
	switch until := w.until.Load(); {
	case w.missed.Load():
		return 0
	case until == 0:
		return maxTTL
	default:
		return max(0, time.Unix(0, until).Sub(r.cfg.Now()))
	}
}

// live notes when a record that is used ends.
func (w *walk) live(expires time.Time) {
	for end := expires.UnixNano(); ; {
		first := w.until.Load()
		if first != 0 && first <= end || w.until.CompareAndSwap(first, end) {
			return
		}
	}
}

func (w *walk) result() ([]Candidate, error) {
	if err := w.run(); err != nil {
		return nil, fmt.Errorf("resolving %s: %w", w.q.host, err)
	}
	if len(w.out) == 0 {
		err := w.trouble
		if err == nil {
			err = ErrNotFound
		}
		return nil, fmt.Errorf("resolving %s: %w", w.q.host, err)
	}
	return w.r.failed.order(w.out), nil
}

func (w *walk) run() error {
	p, ok := w.q.proto, true
	if p == 0 {
		p, ok = w.r.assumed(w.q.secure)
	}
	_, numeric := parseAddr([]byte(w.q.host))
	_, listed := w.r.listed(w.q.host)
	if w.q.port != 0 || numeric || listed { // an explicit port rules SRV out
		if !ok {
			return ErrTransport
		}
		w.addresses(w.q.host, w.q.port, p)
		return nil
	}
	found := false
	if w.q.proto != 0 {
		found = w.services(service{serviceName(p, w.q.host), p})
	} else {
		found = w.naptr() || w.services(w.r.guesses(w.q)...)
	}
	if found {
		return nil
	}
	if !ok {
		return ErrTransport
	}
	w.addresses(w.q.host, 0, p)
	return nil
}

// service is an SRV name and the transport it stands for.
type service struct {
	name  string
	proto transport.Proto
}

// serviceName is the SRV name of a transport, "" when it has none. RFC 7118
// names none for WebSocket.
func serviceName(p transport.Proto, host string) string {
	switch p {
	case transport.UDP:
		return "_sip._udp." + host
	case transport.TCP:
		return "_sip._tcp." + host
	case transport.TLS:
		return "_sips._tcp." + host
	}
	return ""
}

// guesses are the services to ask for when there is no NAPTR record.
func (r *Resolver) guesses(q question) []service {
	var list []service
	for _, p := range [...]transport.Proto{transport.UDP, transport.TCP, transport.TLS} {
		if r.can(p) && (!q.secure || p.Secure()) {
			list = append(list, service{serviceName(p, q.host), p})
		}
	}
	return list
}

// naptr follows the NAPTR records of the host, best first; those after the
// first serve as fallback.
func (w *walk) naptr() bool {
	rrs := w.records(w.q.host, dns.TypeNAPTR)
	var list []service
	for _, rr := range sortNAPTR(rrs) {
		p := naptrProto(rr)
		if p == 0 || !w.r.can(p) || (w.q.secure && !p.Secure()) {
			continue
		}
		list = append(list, service{canonical([]byte(rr.Replacement)), p})
	}
	return w.services(list...)
}

// services collects the hosts of SRV records. It reports whether there were
// any records at all, even such that say "no such service".
func (w *walk) services(list ...service) bool {
	found := false
	for _, s := range list {
		if s.name == "" || len(w.out) >= maxCandidates {
			continue
		}
		rrs := w.records(s.name, dns.TypeSRV)
		found = found || len(rrs) > 0
		for _, rr := range orderSRV(rrs, w.r.cfg.Random) {
			host := canonical([]byte(rr.Target))
			if host == "" || rr.Port == 0 { // RFC 2782: "." is "decidedly not here"
				continue
			}
			w.addresses(host, rr.Port, s.proto)
		}
	}
	return found
}

// addresses adds a candidate for each address of host; port 0 is the default one.
func (w *walk) addresses(host string, port uint16, p transport.Proto) {
	if port == 0 {
		port = defaultPort(p)
	}
	t := transport.Target{Proto: p}
	if p.Secure() {
		t.ServerName = serverName(w.q.name)
	}
	for _, a := range w.ips(host) {
		t.Addr = netip.AddrPortFrom(a, port)
		w.add(Candidate{Target: t, Explicit: w.q.proto != 0})
	}
}

func (w *walk) add(c Candidate) {
	if len(w.out) >= maxCandidates {
		return
	}
	for _, o := range w.out {
		if o == c {
			return
		}
	}
	w.out = append(w.out, c)
}

// ips are the addresses of a host, IPv4 first.
func (w *walk) ips(host string) []netip.Addr {
	if a, ok := parseAddr([]byte(host)); ok {
		return []netip.Addr{a}
	}
	if list, ok := w.r.listed(host); ok {
		return list
	}
	var six []dns.RR
	var sixErr error
	var wg sync.WaitGroup
	if !w.r.cfg.NoIPv6 {
		wg.Go(func() { six, sixErr = w.ask(host, dns.TypeAAAA) })
	}
	four, err := w.ask(host, dns.TypeA)
	wg.Wait()
	w.note(err)
	w.note(sixErr)
	var list []netip.Addr
	for _, rr := range append(four[:len(four):len(four)], six...) {
		var raw []byte
		switch rr := rr.(type) {
		case *dns.A:
			raw = rr.A
		case *dns.AAAA:
			raw = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(raw); ok && !a.IsUnspecified() {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// records are those of a name; no answer counts as none but is remembered.
func (w *walk) records(name string, qtype uint16) []dns.RR {
	rrs, err := w.ask(name, qtype)
	w.note(err)
	return rrs
}

func (w *walk) note(err error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		w.trouble = err
	}
}
