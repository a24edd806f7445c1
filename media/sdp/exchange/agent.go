package exchange

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"

	"tandem/media/sdp"
)

// Agent is one side's offer/answer state (RFC 3264): the last description in each
// direction, and what is agreed. It keeps o= (the id is fixed, the version rises only
// when the text changes), the order and number of m-lines, and payload numbers: a
// number is never given another meaning within a session (§8.3.2), unless the other
// side itself has changed (its o= names another session) or the m-line was off before.
//
// After an error that ends the exchange (a refused offer, an answer that does not fit)
// Rollback restores what was agreed. It is not safe for concurrent use.
type Agent struct {
	addr    netip.Addr
	id      string
	version uint64
	text    string // as last sent, to detect changes

	state         state
	local, remote *sdp.Description // last sent and received
	// What is restored when the current offer is refused.
	agreedLocal, agreedRemote *sdp.Description
	alive                     []bool  // for each agreed m-line: it carries something
	theirs                    bool    // the agreed offer was theirs
	slots                     []*slot // for each m-line, including those of refused offers
	passed                    Session // passed on in the next description
}

// state is the state of offer/answer.
type state uint8

const (
	idle     state = iota
	offering       // our offer waits for an answer
	answered       // our offer was answered; another answer may follow
	offered        // their offer waits for our answer
)

// slot holds what belongs to the position of an m-line: the payload numbers of each
// kind of stream that was there, and our DTLS role.
type slot struct {
	kinds []*table
	setup string
}

// table holds the meanings of payload numbers in our descriptions, and in the last one
// of the other side.
type table struct {
	kind         string
	ours, theirs numbers
}

func newSlot() *slot { return &slot{} }

func (s *slot) table(kind string) *table {
	if t := s.known(kind); t != nil {
		return t
	}
	t := &table{kind: kind}
	s.kinds = append(s.kinds, t)
	return t
}

// known returns the table for a kind of stream, or nil.
func (s *slot) known(kind string) *table {
	for _, t := range s.kinds {
		if t.kind == kind {
			return t
		}
	}
	return nil
}

func (s *slot) clone() *slot {
	c := &slot{setup: s.setup}
	for _, t := range s.kinds {
		c.kinds = append(c.kinds, &table{t.kind, slices.Clone(t.ours), slices.Clone(t.theirs)})
	}
	return c
}

// NewAgent makes the state of one side; addr is used in o=.
func NewAgent(addr netip.Addr) *Agent {
	// Below 2^31, because some gateways read o= into 32 bits.
	return newAgent(addr, strconv.Itoa(1e9+rand.IntN(1e9)))
}

func newAgent(addr netip.Addr, id string) *Agent { return &Agent{addr: addr, id: id} }

// Line is one m-line of ours, before numbers are agreed.
type Line struct {
	Kind        string
	Proto       string
	Addr        netip.Addr // advertised
	Port        int        // 0 = refused
	RTCPPort    int        // 0 = Port+1, or Port with Mux
	Mux         bool
	Direction   sdp.Direction
	Codecs      []sdp.Codec // in order of preference; for PayloadType 0 with a dynamic name the agent chooses a number
	Ptime       int
	MaxPtime    int
	MID         string
	Crypto      []sdp.Crypto
	Unprotected bool // in an answer: plain RTP is accepted even if the call was protected so far
	Fingerprint sdp.Fingerprint
	Setup       string
	ICE         sdp.ICE
	Formats     []string        // for media other than RTP (udptl): as they stand in the m-line
	Extra       []sdp.Attribute // passed through untouched (video, T.38)
	Bandwidth   []string        // the b= lines, unchanged
	Info        string          // i=
	// Aside is set for media that do not go through us, such as MSRP over TCP: the
	// m-line repeats what the other side wrote, with the attributes in Extra,
	// unchanged.
	Aside bool
}

// Session holds the session-level lines that we do not write ourselves.
type Session struct {
	Bandwidth  []string
	Info       string
	Attributes []sdp.Attribute
}

// Pass sets the session-level lines that the next descriptions pass on.
func (a *Agent) Pass(s Session) { a.passed = s }

// Rollback drops an offer (ours or theirs) that was refused (§8).
func (a *Agent) Rollback() {
	if a.state == offering || a.state == offered {
		a.state = idle
		a.local, a.remote = a.agreedLocal, a.agreedRemote
	}
}

// Reopen allows Answer to be called again for the last answered offer, for forks where
// each branch has an answer of its own. ErrNoOffer: the last exchange was not their
// offer.
func (a *Agent) Reopen() error {
	if a.state != idle || !a.theirs {
		return ErrNoOffer
	}
	a.state = offered
	return nil
}

// Remote returns the last description from this side, or nil.
func (a *Agent) Remote() *sdp.Description { return a.remote }

// Text returns Local as it was written.
func (a *Agent) Text() []byte { return []byte(a.text) }

// Local returns the last description sent to this side, or nil.
func (a *Agent) Local() *sdp.Description { return a.local }

func (a *Agent) agree(s state, list []Agreed) {
	a.state, a.theirs = s, s == idle
	a.alive = make([]bool, len(list))
	for i := range list {
		a.alive[i] = list[i].Enabled
	}
	for i := range min(len(a.slots), len(a.remote.Media)) {
		m := &a.remote.Media[i]
		if len(m.Codecs) == 0 {
			continue
		}
		t := &a.slots[i].table(m.Kind).theirs
		t.begin(len(m.Codecs))
		for _, c := range m.Codecs {
			if c.Name != "" {
				t.set(c.PayloadType, c)
			}
		}
	}
	a.agreedLocal, a.agreedRemote = a.local, a.remote
}

// send completes a description: o= has a version that rises only when the text differs
// from the last one (§8). The result is parsed from the text, so that we remember what
// the other side sees.
func (a *Agent) send(d *sdp.Description) (*sdp.Description, error) {
	d.Origin = sdp.Origin{User: "-", ID: a.id, Host: a.addr.Unmap().WithZone("").String()}
	if !a.addr.IsValid() {
		d.Origin.Host = "0.0.0.0"
	}
	version := max(a.version, 1)
	d.Origin.Version = strconv.FormatUint(version, 10)
	b := d.Append(make([]byte, 0, 1024))
	if a.text != "" && string(b) != a.text {
		version++
		d.Origin.Version = strconv.FormatUint(version, 10)
		b = d.Append(b[:0])
	}
	text := string(b)
	sent, err := sdp.ParseText(text)
	if err != nil {
		return nil, fmt.Errorf("writing a description: %w", err)
	}
	a.version, a.text = version, text
	return sent, nil
}

// Agreed is the result of an exchange for one m-line.
type Agreed struct {
	Kind, Proto string
	Enabled     bool           // the port is not 0 on either side
	Remote      netip.AddrPort // where this side wants RTP; invalid for a hold by 0.0.0.0
	RemoteHost  string         // set when the address was a host name, which the caller resolves
	RemoteRTCP  netip.AddrPort // the same as Remote with Mux
	Mux         bool
	CanSend     bool          // we may send to this side
	CanReceive  bool          // this side may send to us
	Codecs      []AgreedCodec // by preference, audio first; the first that is neither events nor CN is the main one
	Ptime       int           // ms per packet that we send; 20 if nothing was said
	Crypto      Pair          // the chosen SDES keys; zero when there are none
	Fingerprint sdp.Fingerprint
	Setup       string     // our DTLS role: active or passive
	ICE         sdp.ICE    // theirs
	Media       *sdp.Media // the whole m-line of the other side
	Refusal     string     // why it is not enabled, if the other side or we refused it
}

// Pair is the crypto line with which we send and the one with which they send.
type Pair struct{ Ours, Theirs sdp.Crypto }

// AgreedCodec is a codec with its number in each direction; the numbers can differ (RFC
// 3264 §5.1).
type AgreedCodec struct {
	sdp.Codec       // name, clock, channels, and the other side's fmtp
	Send      uint8 // number in packets we send to this side
	Receive   uint8 // number in packets this side sends to us
}

// Find returns the codec for a number in a packet from this side. The numbers we gave
// count first, then those that the side listed itself: some devices always use their
// own.
func (g *Agreed) Find(number uint8) (AgreedCodec, bool) {
	for _, c := range g.Codecs {
		if c.Receive == number {
			return c, true
		}
	}
	for _, c := range g.Codecs {
		if c.Send == number {
			return c, true
		}
	}
	return AgreedCodec{}, false
}
