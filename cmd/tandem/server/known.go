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
	for _, target := range urgentTargets {
		if len(rest) >= len(target) && sip.EqualFold(rest[:len(target)], target) {
			return true
		}
	}
	return false
}

var urgentTargets = [...]string{"urn:service:sos", "sip:112@", "sip:911@", "tel:112 ", "tel:911 "}

// letIn are the beginnings of what comes in whoever sends it: responses and calls for help.
func letIn() []string {
	all := []string{"SIP/2.0 "}
	for _, target := range urgentTargets {
		all = append(all, "INVITE "+target)
	}
	return all
}

// peerNetworks yields where peers are; there are none while the server is being put together.
func (s *Server) peerNetworks(yield func(netip.Prefix) bool) {
	if s.peers != nil {
		s.peers.Networks(yield)
	}
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
