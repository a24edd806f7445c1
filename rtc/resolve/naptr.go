package resolve

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Naptr is a NAPTR record (RFC 3403 §4.1) as it stands in DNS.
type Naptr struct {
	Order, Preference          uint16
	Flags, Service, Expression string
	Replacement                string
}

// Naptr asks for the NAPTR records at a name, for those who do more with them than
// RFC 3263 does. It waits for DNS, as long as a Lookup does at most, and keeps answers
// as Lookup does. The error is ErrNotFound when DNS is sure there are none.
func (r *Resolver) Naptr(ctx context.Context, name string) ([]Naptr, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*r.cfg.Timeout)
	defer cancel()
	w := &walk{r: r, ctx: ctx}
	w.budget.Store(maxQueries)
	rrs, err := w.ask(name, dns.TypeNAPTR)
	if err != nil {
		return nil, fmt.Errorf("NAPTR records of %s: %w", name, err)
	}
	list := make([]Naptr, 0, len(rrs))
	for _, rr := range rrs {
		if n, ok := rr.(*dns.NAPTR); ok {
			list = append(list, Naptr{n.Order, n.Preference, plain(n.Flags), plain(n.Service), plain(n.Regexp), n.Replacement})
		}
	}
	return list, nil
}

// plain is a text of a record as it is on the wire: the library writes it as in a zone
// file (RFC 1035 §5.1), with a backslash before some characters and \DDD for others.
func plain(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		if i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '2' {
			if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
				b = append(b, byte(n))
				i += 3
				continue
			}
		}
		i++
		b = append(b, s[i])
	}
	return string(b)
}
