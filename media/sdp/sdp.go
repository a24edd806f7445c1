// Package sdp reads and writes session descriptions (RFC 8866). It accepts what real
// devices send and writes what all of them accept. It owns the text, what its lines
// mean, and when two codecs are the same. What two sides agree to by descriptions is the
// matter of package exchange.
package sdp

import (
	"net/netip"
	"strings"
)

// Description is one session description. All attributes are kept in order, including
// those with a field of their own, so that unknown ones pass through. The fields made
// from attributes are for reading: Append writes Attributes.
type Description struct {
	Origin     Origin
	Name       string      // s=
	Connection netip.Addr  // session-level c=; invalid when absent
	ConnHost   string      // session-level c= as written, when it is a host name
	Direction  Direction   // session level; DirectionUnset when absent
	Attributes []Attribute // session level
	Bandwidth  []string    // b= at session level
	Info       string      // i= at session level
	Time       string      // first t=, as written; "0 0" is written when empty
	Media      []Media
}

// Origin is the o= line. Its numbers are kept as text, since some phones write others
// than numbers ("(null)").
type Origin struct{ User, ID, Version, Host string }

// Same reports whether two o= lines name the same session (RFC 8866 §5.2). If that
// changes in a dialog, another party is behind it, with its own payload numbers and
// keys.
func (o Origin) Same(other Origin) bool {
	return o.User == other.User && o.ID == other.ID && o.Host == other.Host
}

// Attribute is one a= line; Value is empty for a flag.
type Attribute struct{ Name, Value string }

// Media is one m-line with its attributes.
type Media struct {
	Kind        string     // audio, video, image, application, ...
	Port        int        // 0 = refused or switched off
	Ports       int        // number of ports, from "49170/2"; 0 and 1 mean one
	Proto       string     // RTP/AVP, RTP/SAVP, UDP/TLS/RTP/SAVPF, udptl, ...
	Formats     []string   // as written; may be empty
	Connection  netip.Addr // effective c= of this m-line (its own, else the session's)
	ConnHost    string     // the same, when it is a host name
	RTCPPort    int        // a=rtcp, else Port+1; the same as Port with rtcp-mux
	RTCPAddr    netip.Addr // a=rtcp with an address
	Direction   Direction  // effective value: its own, else the session's, else sendrecv
	Codecs      []Codec    // RTP profiles: Formats with rtpmap, fmtp; static numbers filled in
	Ptime       int        // ms; 0 when absent
	MaxPtime    int        // ms; 0 when absent
	Mux         bool       // a=rtcp-mux
	MID         string
	Crypto      []Crypto
	Fingerprint Fingerprint
	Setup       string // active, passive, actpass; "" when absent
	ICE         ICE
	Attributes  []Attribute // all of this m-line's a= lines in order, known ones too
	Bandwidth   []string
	Info        string // i=
	Line        int    // number of the m-line in the text, from 1; for errors
}

// Codec is one RTP payload format as a description names it.
type Codec struct {
	PayloadType uint8
	Name        string   // as written: PCMU, opus, telephone-event, CN, ...
	ClockRate   int      // RTP clock, Hz; 8000 for G722 (RFC 3551 §4.5.2)
	Channels    int      // 1 when not written
	Fmtp        string   // as written, without the number
	Feedback    []string // a=rtcp-fb, without the number
}

// Crypto is one a=crypto line (RFC 4568).
type Crypto struct {
	Tag    int
	Suite  string
	Key    string // inline:..., base64 with lifetime and MKI as written; secret, never logged
	Params string
}

// Fingerprint is an a=fingerprint line (RFC 8122).
type Fingerprint struct{ Hash, Value string }

// ICE is what a description says of ICE (RFC 8839).
type ICE struct {
	Ufrag, Pwd string
	Lite       bool
	Candidates []Candidate
}

// Candidate is one a=candidate line.
type Candidate struct {
	Foundation string
	Component  int
	Transport  string
	Priority   uint32
	Addr       netip.AddrPort
	Type       string
}

// BundleOnly reports whether the m-line exists only within a BUNDLE group: then port 0
// does not mean refused (RFC 9143 §6).
func (m *Media) BundleOnly() bool { return has(m.Attributes, "bundle-only") }

// RTP reports whether the m-line carries RTP, with any protection.
func (m *Media) RTP() bool { return CarriesRTP(m.Proto) }

func has(attributes []Attribute, name string) bool {
	for _, a := range attributes {
		if a.Name == name {
			return true
		}
	}
	return false
}

// CarriesRTP covers RTP/AVP, RTP/SAVPF, UDP/TLS/RTP/SAVPF, TCP/RTP/AVP and so on.
func CarriesRTP(proto string) bool {
	return strings.Contains(strings.ToUpper(proto), "RTP/")
}

// DemandsSRTP reports whether the profile allows only SRTP.
func DemandsSRTP(proto string) bool {
	return strings.Contains(strings.ToUpper(proto), "/SAVP")
}
