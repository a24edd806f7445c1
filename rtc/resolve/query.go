package resolve

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	maxHops     = 8                // CNAMEs from a name to its records
	maxTTL      = time.Hour        // longest an answer is kept
	maxNegative = 5 * time.Minute  // longest "there is none" is kept (RFC 2308 §5 allows more)
	noSOA       = 10 * time.Second // "there is none" without a SOA record
	troubleTTL  = time.Second      // no server answered: spare them for a moment
	udpSize     = 1232             // EDNS0 size that is never fragmented
)

// ask returns the records of a type at a name, through CNAMEs. The error is
// ErrNotFound when DNS is sure there are none.
func (w *walk) ask(name string, qtype uint16) ([]dns.RR, error) {
	key := cacheKey{name, qtype}
	if e, ok := w.r.cache.get(key); ok {
		w.live(e.expires)
		return e.rrs, e.err
	}
	if w.offline {
		w.missed.Store(true)
		return nil, ErrTemporary
	}
	rrs, ttl, err := w.fetch(name, qtype)
	if w.ctx.Err() == nil && err != errBudget {
		w.r.cache.put(key, rrs, err, ttl)
	}
	return rrs, err
}

func (w *walk) fetch(name string, qtype uint16) ([]dns.RR, time.Duration, error) {
	at, ttl := dns.Fqdn(name), maxTTL
	for range maxHops {
		if w.budget.Add(-1) < 0 {
			return nil, 0, errBudget
		}
		msg, err := w.r.exchange(w.ctx, at, qtype)
		if err != nil {
			return nil, troubleTTL, err
		}
		rrs, next, life := pick(msg, at, qtype)
		ttl = min(ttl, life)
		if len(rrs) > 0 {
			return rrs, ttl, nil
		}
		if strings.EqualFold(next, at) {
			return nil, min(ttl, negativeTTL(msg)), ErrNotFound
		}
		at = next // a CNAME whose target the answer left out
	}
	return nil, noSOA, ErrNotFound // a loop
}

// pick takes the records of a type at a name out of an answer, following
// CNAMEs inside it. next is the name the chain ends at.
func pick(msg *dns.Msg, name string, qtype uint16) (rrs []dns.RR, next string, ttl time.Duration) {
	ttl = maxTTL
	for range maxHops {
		cname := ""
		for _, rr := range msg.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
				continue
			}
			life := time.Duration(h.Ttl) * time.Second
			if h.Rrtype == qtype && len(rrs) < maxRecords {
				rrs, ttl = append(rrs, rr), min(ttl, life)
			}
			if c, ok := rr.(*dns.CNAME); ok && cname == "" {
				cname, ttl = c.Target, min(ttl, life)
			}
		}
		if len(rrs) > 0 || cname == "" {
			break
		}
		name = cname
	}
	return rrs, name, ttl
}

func negativeTTL(msg *dns.Msg) time.Duration {
	for _, rr := range msg.Ns {
		if soa, ok := rr.(*dns.SOA); ok { // RFC 2308 §5
			return min(time.Duration(min(soa.Hdr.Ttl, soa.Minttl))*time.Second, maxNegative)
		}
	}
	return noSOA
}

// exchange asks the servers in turn, beginning with the one that answered
// last, twice round, until one gives a usable answer.
func (r *Resolver) exchange(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	err := fmt.Errorf("%w: none is configured", ErrTemporary)
	first := int(r.good.Load())
	for i := range 2 * len(r.servers) {
		if ctx.Err() != nil {
			break
		}
		n := (first + i) % len(r.servers)
		msg, e := r.query(ctx, r.servers[n], name, qtype)
		if e == nil {
			r.good.Store(int32(n))
			return msg, nil
		}
		err = fmt.Errorf("%w: %w", ErrTemporary, e)
		r.cfg.Log.Debug("DNS server failed", "peer", r.servers[n], "err", e)
	}
	return nil, err
}

func (r *Resolver) query(ctx context.Context, server, name string, qtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	q.SetEdns0(udpSize, false)
	client := dns.Client{Net: "udp", Timeout: r.cfg.Timeout}
	msg, _, err := client.ExchangeContext(ctx, q, server)
	if err == nil && msg.Truncated {
		client.Net = "tcp"
		msg, _, err = client.ExchangeContext(ctx, q, server)
	}
	if err != nil {
		return nil, err
	}
	if len(msg.Question) != 1 || msg.Question[0].Qtype != qtype || !strings.EqualFold(msg.Question[0].Name, name) {
		return nil, fmt.Errorf("answer to another question")
	}
	if msg.Rcode != dns.RcodeSuccess && msg.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("server said %s", dns.RcodeToString[msg.Rcode])
	}
	return msg, nil
}
