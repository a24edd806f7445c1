package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"tandem/rtc/transport"
)

// sortNAPTR sorts terminal records by order, then preference (RFC 3403 §4.1).
func sortNAPTR(rrs []dns.RR) []*dns.NAPTR {
	var list []*dns.NAPTR
	for _, rr := range rrs {
		// RFC 3263 §4.1: only "s" records with a replacement are used by SIP.
		if n, ok := rr.(*dns.NAPTR); ok && strings.EqualFold(n.Flags, "s") && n.Regexp == "" {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return list
}

// naptrProto is the transport of a NAPTR service, 0 when it is none of ours
// (SIP+D2S is SCTP).
func naptrProto(n *dns.NAPTR) transport.Proto {
	switch strings.ToUpper(n.Service) {
	case "SIP+D2U":
		return transport.UDP
	case "SIP+D2T":
		return transport.TCP
	case "SIPS+D2T":
		return transport.TLS
	case "SIP+D2W": // RFC 7118 §8
		return transport.WS
	case "SIPS+D2W":
		return transport.WSS
	}
	return 0
}

// orderSRV sorts by priority and within one by weighted chance (RFC 2782).
func orderSRV(rrs []dns.RR, random func(int) int) []*dns.SRV {
	var list []*dns.SRV
	for _, rr := range rrs {
		if s, ok := rr.(*dns.SRV); ok {
			list = append(list, s)
		}
	}
	// weight 0 first, so that it has a very small chance and not none
	slices.SortStableFunc(list, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(min(a.Weight, 1), min(b.Weight, 1)))
	})
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].Priority == list[from].Priority {
			to++
		}
		draw(list[from:to], random)
		from = to
	}
	return list
}

// draw brings records of one priority into a random order, heavier ones
// earlier in proportion to their weight.
func draw(list []*dns.SRV, random func(int) int) {
	sum := 0
	for _, s := range list {
		sum += int(s.Weight)
	}
	for i := range list {
		pick, run := random(sum+1), 0
		for j := i; j < len(list); j++ {
			run += int(list[j].Weight)
			if run >= pick {
				s := list[j]
				copy(list[i+1:j+1], list[i:j]) // the others keep their order
				list[i] = s
				sum -= int(s.Weight)
				break
			}
		}
	}
}
