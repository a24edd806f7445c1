package socket

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Agent makes a user agent that logs to log. secure is for TLS and WSS, nil for none.
func Agent(name, host string, secure *tls.Config, log *slog.Logger) (*sipgo.UserAgent, error) {
	opts := []sipgo.UserAgentOption{
		sipgo.WithUserAgent(name),
		sipgo.WithUserAgentHostname(host),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(log)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(log)),
	}
	if secure != nil {
		opts = append(opts, sipgo.WithUserAgenTLSConfig(secure))
	}
	return sipgo.NewUA(opts...)
}

// From returns the address of this machine from which a server is reached, given as
// host:port.
func From(server string) (string, error) {
	conn, err := net.Dial("udp", server) // sends nothing; asks the routing table
	if err != nil {
		return "", fmt.Errorf("no way to %s: %w", server, err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}
