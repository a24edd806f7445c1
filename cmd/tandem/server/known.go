package server

import (
	"bytes"
	"net/netip"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// known reports whether a message comes from a sender that is served before
// others when more comes in than can be: a phone that has proved who it is or was
// given a nonce, or a peer. Calls for help are as good.
func (s *Server) known(from netip.AddrPort, message []byte) bool {
	return s.gate.Known(from, message) || s.peers.Sends(from) || urgent(message)
}

// knownRequest is known for one that has been read.
func (s *Server) knownRequest(f transport.Flow, m *sip.Message) bool {
	return f.Trusted() || s.gate.Known(m.Source, m.Bytes()) || s.peers.Sends(m.Source)
}

// urgent reports whether a message begins like a call for help (RFC 5031).
func urgent(message []byte) bool {
	rest, ok := bytes.CutPrefix(message, []byte("INVITE "))
	if !ok {
		return false
	}
	for _, target := range [...]string{"urn:service:sos", "sip:112@", "sip:911@", "tel:112 ", "tel:911 "} {
		if len(rest) >= len(target) && sip.EqualFold(rest[:len(target)], target) {
			return true
		}
	}
	return false
}

// rememberPhones counts the phones of restored bindings among the known senders: where
// they are their users have proved who they are.
func (s *Server) rememberPhones() {
	for aor, list := range s.location.All() {
		for i := range list {
			if a := list[i].Flow.Remote; a.IsValid() {
				s.gate.Remember(a, aor)
			}
		}
	}
}
