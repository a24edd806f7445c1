// Package sdp reads and writes session descriptions (RFC 8866) and does
// offer/answer (RFC 3264) for one side of a call at a time. It takes what real
// devices send and writes what all of them take. It knows nothing of sockets:
// addresses and ports come from its caller.
package sdp

import "net/netip"

// Description is one session description. Attributes this package has no
// field for are kept in order, so that what is not understood passes through.
type Description struct {
	Origin     Origin
	Name       string      // s=
	Connection netip.Addr  // session-level c=; invalid when absent
	ConnHost   string      // session-level c= as written, when it is a host name
	Direction  Direction   // session level; DirectionUnset when absent
	Attributes []Attribute // session level
	Bandwidth  []string    // b= at session level
	Media      []Media
}

// Origin is the o= line. Its numbers need not be numbers (some phones write
// "(null)"), so they are kept as text.
type Origin struct{ User, ID, Version, Host string }

// Attribute is one a= line; Value is empty for a flag.
type Attribute struct{ Name, Value string }

// Media is one m-line with what stands under it.
type Media struct {
	Kind        string     // audio, video, image, application, ...
	Port        int        // 0: refused or switched off
	Proto       string     // RTP/AVP, RTP/SAVP, UDP/TLS/RTP/SAVPF, udptl, ...
	Formats     []string   // as written; empty lists happen
	Connection  netip.Addr // c= that counts for this m-line (own, else the session's)
	ConnHost    string     // the same, when it is a host name
	RTCPPort    int        // a=rtcp, else Port+1; Port with rtcp-mux
	RTCPAddr    netip.Addr // a=rtcp with an address
	Direction   Direction  // what counts here: own, else session's, else sendrecv
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
	Line        int // number of the m-line in the text, from 1; for errors
}

// Hold says whether the sender of this m-line does not want to hear us:
// sendonly, inactive, or a null connection address, whatever the direction
// attribute says (RFC 3264 §8.4, RFC 2543 §B.5).
func (m *Media) Hold() bool { panic("unwritten") }

// Direction is sendrecv, sendonly, recvonly or inactive, seen by its writer.
type Direction uint8

const (
	DirectionUnset Direction = iota
	SendRecv
	SendOnly
	RecvOnly
	Inactive
)

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

// Fingerprint is a=fingerprint (RFC 8122).
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

// Error says what is wrong with a description, and where.
type Error struct {
	Line   int    // from 1; 0 when it concerns the whole
	Reason string // what is wrong and what would be right
	Status int    // SIP status to answer with: 400 malformed, 488 not acceptable here
}

func (e *Error) Error() string { panic("unwritten") }

// Parse reads a description, tolerantly. Errors are *Error.
func Parse(b []byte) (*Description, error) { panic("unwritten") }

// Append writes d in the order of RFC 8866 §5, CRLF throughout.
func (d *Description) Append(b []byte) []byte { panic("unwritten") }
