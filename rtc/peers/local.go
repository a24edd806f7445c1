package peers

import (
	"fmt"
	"net/netip"

	"tandem/rtc"
)

// Unknown is the source of a user whose address is not known any more.
var Unknown = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)

// AllowLocal names networks of this machine and its links that users' requests
// may reach wherever the users are.
func (t *Table) AllowLocal(networks []netip.Prefix) { t.local.Store(&networks) }

// Chosen reports whether a request may go to an address that a user chose, who
// was heard from by: in a Request-URI, a Route, or the Contact of a phone. Nobody
// reaches through the server what its machine alone can reach: addresses of the
// machine are open to users on it, addresses of a link to users on links. The
// error is a *rtc.Status of 403.
func (t *Table) Chosen(by, to netip.AddrPort) error {
	if t == nil {
		return nil
	}
	x, from, a := t.current.Load(), plain(by.Addr()), plain(to.Addr())
	what := ""
	switch {
	case a.IsUnspecified() || a.IsMulticast() || a == broadcast:
		what = "not an address of one host"
	case x.local(from):
		return nil // could do so without us
	case x.local(a):
		what = "an address of this machine"
	case a.IsLinkLocalUnicast() && !from.IsLinkLocalUnicast():
		what = "an address of a link"
	default:
		return nil
	}
	if list := t.local.Load(); list != nil {
		for _, p := range *list {
			if p.Contains(a) {
				return nil
			}
		}
	}
	return &rtc.Status{Code: 403, Reason: "Relaying Denied", Err: fmt.Errorf("%s is %s; proxy.users_to lists what users may reach nevertheless", a, what)}
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
