package transport

import "bytes"

// Proto is a SIP transport protocol.
type Proto uint8

// The transports, in Via spelling: UDP, TCP, TLS, WS, WSS.
const (
	UDP Proto = iota + 1
	TCP
	TLS
	WS
	WSS
)

// protos bounds arrays indexed by Proto.
const protos = WSS + 1

// String returns the spelling in Via: "UDP"; "" for no transport.
func (p Proto) String() string {
	switch p {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	case WS:
		return "WS"
	case WSS:
		return "WSS"
	}
	return ""
}

// Param returns the spelling in a ;transport= parameter: "udp".
func (p Proto) Param() string {
	switch p {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case WS:
		return "ws"
	case WSS:
		return "wss"
	}
	return ""
}

// Secure reports whether the transport is encrypted.
func (p Proto) Secure() bool { return p == TLS || p == WSS }

// Stream reports whether messages are sent over a connection.
func (p Proto) Stream() bool { return p != UDP }

// OneWay reports whether only the phone can open a connection: hardly any phone listens
// for TLS, and browsers do not listen at all.
func (p Proto) OneWay() bool { return p == TLS || p.Web() }

// Web reports whether messages go over a WebSocket, as a browser's do (RFC 7118).
func (p Proto) Web() bool { return p == WS || p == WSS }

// port returns the default port (RFC 3261 §19.1.2).
func (p Proto) port() uint16 {
	if p.Secure() {
		return 5061
	}
	return 5060
}

// ParseProto reads either spelling, case-insensitively.
func ParseProto(s []byte) (Proto, bool) {
	for p := UDP; p <= WSS; p++ {
		if len(s) == len(p.String()) && bytes.EqualFold(s, []byte(p.String())) {
			return p, true
		}
	}
	return 0, false
}
