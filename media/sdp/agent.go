package sdp

import "net/netip"

// Agent is one side's offer/answer state (RFC 3264): what we last said to it,
// what it last said to us, and what is agreed. It keeps o= (id fixed, version
// rising only when the text changes), the order and number of m-lines, and
// payload numbers once used: a number is never given another meaning within a
// session (§8.3.2). Not safe for use by two goroutines.
type Agent struct{}

// NewAgent makes the state of one side; addr is what o= shows.
func NewAgent(addr netip.Addr) *Agent { panic("unwritten") }

// Line is what we say in one m-line, before numbers are agreed.
type Line struct {
	Kind        string
	Proto       string
	Addr        netip.Addr // advertised
	Port        int        // 0 refuses
	RTCPPort    int        // 0: Port+1, or Port when Mux
	Mux         bool
	Direction   Direction
	Codecs      []Codec // in order of preference; PayloadType 0 with a dynamic name lets the agent choose one
	Ptime       int
	MaxPtime    int
	MID         string
	Crypto      []Crypto
	Fingerprint Fingerprint
	Setup       string
	ICE         ICE
	Formats     []string    // for what is no RTP (udptl): as it stands in the m-line
	Extra       []Attribute // passed through untouched (video, T.38)
}

// Offer writes an offer to this side. One Line for every m-line; lines beyond
// those of an earlier exchange are new. A line that must go is given Port 0.
func (a *Agent) Offer(lines []Line) (*Description, error) { panic("unwritten") }

// TakeAnswer takes the answer to the last Offer. An answer that does not fit
// it (other number of m-lines, codecs not offered) is an *Error with 488,
// tolerantly: what harms nobody is taken.
func (a *Agent) TakeAnswer(d *Description) ([]Agreed, error) { panic("unwritten") }

// TakeOffer takes an offer of this side. Nothing is agreed until Answer.
func (a *Agent) TakeOffer(d *Description) error { panic("unwritten") }

// Answer writes the answer to the last TakeOffer: one Line per m-line offered.
// Codecs of a line are what we can take there; the answer keeps those the
// offer had, with the offerer's numbers, in our order unless ours is empty.
// A line with no codec in common is refused by port 0; when none is left the
// error is an *Error with 488.
func (a *Agent) Answer(lines []Line) (*Description, []Agreed, error) { panic("unwritten") }

// Rollback forgets an offer (ours or theirs) that was refused (§8).
func (a *Agent) Rollback() { panic("unwritten") }

// Remote is the last description this side sent, nil before any.
func (a *Agent) Remote() *Description { panic("unwritten") }

// Local is the last description we sent to this side, nil before any.
func (a *Agent) Local() *Description { panic("unwritten") }

// Agreed is the outcome for one m-line.
type Agreed struct {
	Kind, Proto string
	Enabled     bool           // port is not 0 on either side
	Remote      netip.AddrPort // where this side wants RTP; invalid address when on hold by 0.0.0.0
	RemoteHost  string         // set when the address was a host name, to be resolved by the caller
	RemoteRTCP  netip.AddrPort // equals Remote with Mux
	Mux         bool
	CanSend     bool          // we may send to this side
	CanReceive  bool          // this side may send to us
	Codecs      []AgreedCodec // audio first by preference; the first that is no event or CN is the main one
	Ptime       int           // ms we send with; 20 when nothing was said
	Crypto      Pair          // SDES chosen; zero when none
	Fingerprint Fingerprint
	Setup       string // our DTLS role: active or passive
	ICE         ICE    // theirs
	Media       *Media // theirs, whole
}

// Pair is the crypto line we send with and the one they send with.
type Pair struct{ Ours, Theirs Crypto }

// AgreedCodec is a codec with the number each direction uses; they differ with
// asymmetric payload numbers (RFC 3264 §5.1).
type AgreedCodec struct {
	Codec         // name, clock, channels, and the fmtp the other side wrote
	Send    uint8 // number in packets we send to this side
	Receive uint8 // number in packets this side sends to us
}
