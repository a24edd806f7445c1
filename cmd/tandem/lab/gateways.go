package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/server"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/interop/suite"
	"tandem/interop/wire"
)

// How many gateways there are: the first over TCP, the next over TLS, the others over UDP.
const (
	gatewayCount = 20
	tcpGateways  = 4
	tlsGateways  = 2
)

// proto is the transport of a gateway, as it stands in Via.
func proto(i int) string {
	switch {
	case i < tcpGateways:
		return "TCP"
	case i < tcpGateways+tlsGateways:
		return "TLS"
	}
	return "UDP"
}

// number begins the numbers behind a gateway, name is its own.
func number(i int) string { return fmt.Sprintf("+4930555%02d", i) }
func name(i int) string   { return fmt.Sprintf("gateway-%d.%s", i, domain) }

// certify makes the certificates of the gateways that use TLS, by the CA that the server
// will have, and returns its file.
func (l *Lab) certify() (ca string, err error) {
	if err := os.MkdirAll(l.Data(), 0o700); err != nil {
		return "", err
	}
	for i := range gatewayCount {
		if proto(i) == "TLS" {
			if _, _, err := certs.SelfMade(l.Data(), name(i), []string{name(i), "127.0.0.1"}); err != nil {
				return "", err
			}
		}
	}
	return filepath.Join(l.Data(), "ca.pem"), nil
}

// gateways opens addresses that numbers lead to.
func (l *Lab) gateways() error {
	for i := range gatewayCount {
		e, err := l.gateway(i)
		if err != nil {
			return err
		}
		l.Target.Gateways = append(l.Target.Gateways, suite.Gateway{Endpoint: e, Number: number(i) + "100"})
	}
	return nil
}

func (l *Lab) gateway(i int) (*wire.Endpoint, error) {
	free := netip.MustParseAddrPort("127.0.0.1:0")
	switch proto(i) {
	case "TCP":
		return wire.ListenTCP(free)
	case "UDP":
		return wire.Listen(free, l.Target.Trusted)
	}
	c, err := suite.Trust(filepath.Join(l.Data(), "ca.pem"), domain)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(l.Data(), name(i)+".pem"), filepath.Join(l.Data(), name(i)+"-key.pem"))
	if err != nil {
		return nil, err
	}
	c.Certificates = []tls.Certificate{pair}
	return wire.ListenTLS(free, c)
}

// trunks leads the numbers to the gateways. Those over TLS are known by their
// certificates, and their sound is SRTP.
func (l *Lab) trunks(ctx context.Context, s *server.Server) error {
	for i, g := range l.Target.Gateways {
		t := gateways.Trunk{Name: fmt.Sprintf("gateway-%d", i), Addresses: []string{"sip:" + g.Endpoint.Local.String()}, Prefixes: []string{number(i)},
			Manner: dialect.Manner{Probe: dialect.ProbeOff}} // the suite plays one device at a time at an address
		switch p := proto(i); p {
		case "TLS":
			t.TLSNames, t.Manner.Media = []string{name(i)}, dialect.MediaRequire
			fallthrough
		case "TCP":
			t.Addresses[0] += ";transport=" + strings.ToLower(p)
		}
		if err := s.Trunks().Add(ctx, t); err != nil {
			return err
		}
	}
	return nil
}
