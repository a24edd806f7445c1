// Package ice is the server's part of ICE: a lite agent (RFC 8445 §2.5) that
// answers connectivity checks, learns the pair the browser nominates, and
// notices when consent (RFC 7675) stops. It makes no checks of its own.
package ice

import (
	"net/netip"
	"time"
)

// Agent is one side's ICE state; Ufrag and Pwd go into our SDP. Not safe for
// two goroutines.
type Agent struct {
	Ufrag, Pwd string
}

// New makes an agent with random credentials.
func New() (*Agent, error) { panic("unwritten") }

// Remote sets the far side's credentials from its SDP. New ones are an ICE restart.
func (a *Agent) Remote(ufrag, pwd string) { panic("unwritten") }

// Packet takes a STUN message and appends the reply to reply (which may be
// empty: then nothing is sent). nominated is true when from became, or again
// is, the pair to use. Requests that fail authentication get no answer that is
// longer than they were, and never move the pair.
func (a *Agent) Packet(reply, b []byte, from netip.AddrPort, now time.Time) (out []byte, nominated bool) {
	panic("unwritten")
}

// Selected is the nominated pair's far address, invalid before.
func (a *Agent) Selected() netip.AddrPort { panic("unwritten") }

// Consent is when the last good check of the selected pair came.
func (a *Agent) Consent() time.Time { panic("unwritten") }

// Username reads the local part of the USERNAME of a STUN request without
// checking it: it says which agent a packet on a shared port is for.
func Username(b []byte) (ufrag string, ok bool) { panic("unwritten") }
