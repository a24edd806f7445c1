// Package peers knows the other servers we deal with: gateways to the telephone
// network, and next hops of static routes. It tells whose an address is, who
// sends, and whether a request may go to an address at all.
//
// It owns the list of peers and the addresses their names have now. It sends
// nothing, and it does not choose: trunks and routes do that.
//
// # The rule
//
// A gateway costs money, so a request reaches it only when the call layer chose
// it. Whoever sends a request (the proxy, a dialog) asks Permit about each
// address after the name of the next hop was resolved, also when it sends over a
// flow. However the way was written, as a name, an alias, a Route or a Contact,
// the address that comes out is what is compared.
//
// # Which addresses are a peer's
//
// Those of its hosts, numeric or as DNS has them now. A name is looked up again
// when the records' time to live is over. When it moves, the former addresses
// stay the peer's for an hour: a cache elsewhere may still hold them. Of a host
// elsewhere every port is the peer's. This machine is different, because all its
// programs share its addresses: there the port counts, at whichever of the
// machine's addresses, since a program may listen at all of them.
package peers

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
)

// Peer is another server. A Peer of a Table is shared and must not be changed.
type Peer struct {
	Name string
	// Gateway peers lead to the telephone network: Permit guards them.
	Gateway bool
	// Hosts are where it is: "host", "host:port", "[2001:db8::1]:5060". A name
	// without a port is found by NAPTR and SRV as well (RFC 3263).
	Hosts []string
	// Inbound hosts are also where its requests come from.
	Inbound bool
	// Sources are further networks its requests come from.
	Sources []netip.Prefix
	// TLSNames are names in its certificate, any of which proves that a connection is its.
	TLSNames []string
	// Users of the directory by whose credentials it proves who it is.
	Users []rtc.AOR
	// Rights of its requests.
	Rights rtc.Rights
	// Numbers are the beginnings of those its callers may have, in E.164:
	// "+493012345". None = any.
	Numbers []string

	byAddress, byName rtc.Identity
}

// MayClaim reports whether a caller of the peer may have a number, in E.164.
func (p *Peer) MayClaim(number string) bool {
	for _, n := range p.Numbers {
		if strings.HasPrefix(number, n) {
			return true
		}
	}
	return len(p.Numbers) == 0
}

// Resolver finds the addresses of names.
type Resolver interface {
	Lookup(uri sip.URI, done func([]resolve.Candidate, error))
	// Fresh is how long what a look-up finds now is good.
	Fresh(uri sip.URI) time.Duration
}

// Table is all peers. It is safe for concurrent use; a nil Table has none.
type Table struct {
	resolver Resolver
	log      *slog.Logger
	machine  func() map[netip.Addr]bool // the addresses of this machine
	current  atomic.Pointer[index]
	local    atomic.Pointer[[]netip.Prefix] // see AllowLocal

	mu    sync.Mutex // guards what follows
	owned map[string][]*Peer
	order []string // the owners, as they came
	names map[string]*name
	wake  chan struct{}
}

// New makes an empty table. Run keeps the addresses of names up to date.
func New(r Resolver, log *slog.Logger) *Table {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Table{resolver: r, log: log, machine: interfaces,
		owned: make(map[string][]*Peer), names: make(map[string]*name), wake: make(chan struct{}, 1)}
	t.current.Store(new(index))
	return t
}

// Set replaces all peers of an owner ("trunks", "routes"). Names are looked up
// at once, in the background.
func (t *Table) Set(owner string, list []Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owned[owner] == nil {
		t.order = append(t.order, owner)
	}
	own := make([]*Peer, 0, len(list))
	for _, p := range list {
		p.byAddress = rtc.Identity{Method: rtc.AuthTrusted, Peer: p.Name, Rights: p.Rights}
		p.byName = rtc.Identity{Method: rtc.AuthTLS, Peer: p.Name, Rights: p.Rights}
		own = append(own, &p)
	}
	t.owned[owner] = own
	t.follow()
	t.rebuild()
}

// all peers, those of the first owner first; t.mu is held.
func (t *Table) all(yield func(*Peer) bool) {
	for _, owner := range t.order {
		for _, p := range t.owned[owner] {
			if !yield(p) {
				return
			}
		}
	}
}

// At returns the peer that an address belongs to, nil when it is nobody's. When
// it is several peers', a gateway comes first.
func (t *Table) At(a netip.AddrPort) *Peer {
	if t == nil {
		return nil
	}
	return first(t.current.Load().at(a))
}

// Permit reports whether a request may go to an address: nil unless that is a
// gateway other than the named one. peer "" may reach no gateway. The error is a
// *rtc.Status of 403.
func (t *Table) Permit(peer string, to netip.AddrPort) error {
	if t == nil {
		return nil
	}
	return permit(peer, t.current.Load().at(to))
}

// PermitHost is Permit for a host that is a name, before it is resolved: it says
// no also while the table itself does not know the name's addresses yet.
func (t *Table) PermitHost(peer string, host []byte) error {
	if t == nil {
		return nil
	}
	var buf [128]byte
	return permit(peer, t.current.Load().names[string(appendName(buf[:0], host))])
}

func permit(peer string, list []*Peer) error {
	p := first(list)
	if p == nil || !p.Gateway {
		return nil
	}
	for _, x := range list {
		if x.Gateway && x.Name == peer {
			return nil
		}
	}
	return &rtc.Status{Code: 403, Reason: "Relaying Denied",
		Err: fmt.Errorf("that is the gateway %q; calls reach it through its trunk alone", p.Name)}
}

func first(list []*Peer) *Peer {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}
