package suite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// Target is the server to try and what may be used of it.
type Target struct {
	Domain     string
	UDP        netip.AddrPort // phones send here
	TCP        netip.AddrPort // not valid: not served
	TLS        netip.AddrPort
	TLSConfig  *tls.Config
	WSS        netip.AddrPort // browsers send here; not valid: not served
	Trusted    netip.AddrPort // requests from this machine need no credentials here (UDP)
	TrustedTCP netip.AddrPort
	TrustedTLS netip.AddrPort
	HTTP       netip.AddrPort // phones fetch their files here; not valid: not served
	TFTP       netip.AddrPort
	Operator   Operator // nil: nobody operates it for the suite
	Accounts   []Account
	Gateways   []Gateway
	Local      netip.Addr // ours toward the server; not valid: found
	Has        []behaviour.Feature
	Players    []Player      // of the rows of PlayerStories
	Pause      time.Duration // between two messages to the server, 0 for none
	Patience   time.Duration // for what must come; 0 for twenty seconds

	open bool // it asks for no passwords
}

// Account is a user of the server. Its registrations are removed by the suite.
type Account struct{ User, Password string }

// Gateway is an address of ours to which the server's routes lead a number, over the
// transport by which its endpoint sends.
type Gateway struct {
	Endpoint *wire.Endpoint
	Number   string
}

// find fills in our address.
func (t *Target) find() error {
	if t.Local.IsValid() {
		return nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(t.UDP)) // sends nothing
	if err != nil {
		return fmt.Errorf("finding the way to %s: %w", t.UDP, err)
	}
	defer c.Close()
	t.Local = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return nil
}

// answers says whether the server answers OPTIONS at all.
func (t *Target) answers(ctx context.Context) error {
	e, err := wire.Open(ctx, "UDP", t.Local, t.UDP, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	text := fmt.Sprintf("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:interop@%s>;tag=%s\r\nTo: <sip:%s>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		t.UDP, e.Local, token(), t.Local, token(), t.UDP, token())
	for range 3 {
		if err := e.Send([]byte(text)); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, time.Second)
		_, err = e.Next(wait, func(m *wire.Message) bool { return !m.IsRequest() })
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer OPTIONS over UDP; is it a SIP server, and does it accept this machine (%s)?", t.UDP, t.Local)
}

// lacks says why a case cannot be run against this target, "" when it can.
func (t *Target) lacks(c *behaviour.Case) string {
	need := c.Devices()
	if slices.Contains(need, behaviour.Operator) && t.Operator == nil {
		return "the operator has to do something, and the suite may not operate this server (--operate)"
	}
	for _, s := range c.Steps {
		if (s.Boot != "" || s.Fetch != nil) && (!t.HTTP.IsValid() || !t.TFTP.IsValid()) {
			return "it is not known where phones get their files (--files and --tftp)"
		}
	}
	if slices.Contains(need, "gateway") && !t.Trusted.IsValid() {
		return "the server has no address at which it takes this machine for a gateway (--trusted)"
	}
	if c.Uses("number") && len(t.Gateways) == 0 {
		return "no number of the server leads to this machine (--gateway)"
	}
	accounts := 0
	for _, who := range []string{"phone", "second"} {
		if slices.Contains(need, who) {
			accounts++
		}
	}
	if accounts > len(t.Accounts) {
		return fmt.Sprintf("%d accounts are needed (--account)", accounts)
	}
	if t.open && c.Challenged() {
		return "the server asks for no passwords"
	}
	for who, proto := range c.Over {
		if at, _ := t.at(who, proto); !at.IsValid() {
			return fmt.Sprintf("no address of the server for %s over %s", who, proto)
		}
	}
	return ""
}

// way is the transport of the gateway a case needs, as it stands in Via: a story is
// played over that of its gateway, other exchanges with a connection of their own.
func way(c *behaviour.Case) string {
	if over := c.Over["gateway"]; c.Story != nil && over != "" {
		return strings.ToUpper(over)
	}
	return "UDP"
}

// leads says whether a number leads to a gateway over the transport a case needs. Over
// UDP it is asked by lacks.
func (t *Target) leads(c *behaviour.Case) bool {
	proto := way(c)
	return proto == "UDP" || slices.ContainsFunc(t.Gateways, func(g Gateway) bool { return g.Endpoint.Proto == proto })
}

// at is where a device sends over a transport.
func (t *Target) at(who, proto string) (netip.AddrPort, error) {
	var at netip.AddrPort
	switch {
	case who == "gateway" && proto == "tcp":
		at = t.TrustedTCP
	case who == "gateway" && proto == "tls":
		at = t.TrustedTLS
	case who == "gateway" && proto == "udp":
		at = t.Trusted
	case proto == "udp":
		at = t.UDP
	case proto == "tcp":
		at = t.TCP
	case proto == "tls":
		at = t.TLS
	}
	if !at.IsValid() {
		return at, errors.New("the server has no address for it")
	}
	return at, nil
}
