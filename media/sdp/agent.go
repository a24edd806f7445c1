package sdp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
)

// Agent is one side's offer/answer state (RFC 3264): what we last said to it,
// what it last said to us, and what is agreed. It keeps o= (id fixed, version
// rising only when the text changes), the order and number of m-lines, and
// payload numbers once used: a number is never given another meaning within a
// session (§8.3.2), unless the other side itself became another (its o= names
// another session) or the m-line was dead before.
//
// After an error that ends the exchange (a refused offer, an answer that does
// not fit) Rollback brings back what was agreed. Not safe for use by two
// goroutines.
type Agent struct {
	addr    netip.Addr
	id      string
	version uint64
	text    string // last sent, to tell whether the next differs

	state         state
	local, remote *Description // last sent and received
	// What counts when the offer in hand is refused.
	agreedLocal, agreedRemote *Description
	alive                     []bool  // of each m-line agreed on: it carries something
	theirs                    bool    // what is agreed was their offer
	slots                     []*slot // of m-lines, those of refused offers too
	passed                    Session // in what is written next
}

// state of offer/answer.
type state uint8

const (
	idle     state = iota
	offering       // ours waits for their answer
	answered       // ours was answered; it may be answered once more
	offered        // theirs waits for ours
)

// slot is what stays with the place of an m-line: the payload numbers of each
// kind of stream that was there, and our DTLS role.
type slot struct {
	kinds []*table
	setup string
}

// table is what payload numbers mean in what we write, and what they last
// meant in what the other side wrote.
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

// known is the table of a kind of stream, nil when there was none here.
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

// NewAgent makes the state of one side; addr is what o= shows.
func NewAgent(addr netip.Addr) *Agent {
	// Below 2^31, as some gateways read o= into 32 bits.
	return newAgent(addr, strconv.Itoa(1e9+rand.IntN(1e9)))
}

func newAgent(addr netip.Addr, id string) *Agent { return &Agent{addr: addr, id: id} }

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
	Unprotected bool // answering: plain RTP will do even where the call was protected so far
	Fingerprint Fingerprint
	Setup       string
	ICE         ICE
	Formats     []string    // for what is no RTP (udptl): as it stands in the m-line
	Extra       []Attribute // passed through untouched (video, T.38)
	Bandwidth   []string    // b=, as it stands, as is
	Info        string      // i=
	// Aside is media that does not run by us, such as MSRP over TCP: the m-line says
	// what the other side wrote, and has no attributes but Extra, as they stand.
	Aside bool
}

// Session is what the session level of a description has besides what we write
// there ourselves.
type Session struct {
	Bandwidth  []string
	Info       string
	Attributes []Attribute
}

// Pass has the descriptions written from now on pass on session-level lines.
func (a *Agent) Pass(s Session) { a.passed = s }

// Rollback forgets an offer (ours or theirs) that was refused (§8).
func (a *Agent) Rollback() {
	if a.state == offering || a.state == offered {
		a.state = idle
		a.local, a.remote = a.agreedLocal, a.agreedRemote
	}
}

// Reopen lets Answer be called once more for the offer answered last, as where
// each branch of a fork has an answer of its own. ErrNoOffer: the last exchange was
// none of theirs.
func (a *Agent) Reopen() error {
	if a.state != idle || !a.theirs {
		return ErrNoOffer
	}
	a.state = offered
	return nil
}

// Remote is the last description this side sent, nil before any.
func (a *Agent) Remote() *Description { return a.remote }

// Text is Local as it was written.
func (a *Agent) Text() []byte { return []byte(a.text) }

// Local is the last description we sent to this side, nil before any.
func (a *Agent) Local() *Description { return a.local }

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

// send finishes a description: o= with a version that rises only when the text
// differs from the last (§8). What is returned is read back from the text, so
// that what we remember is what the other side sees.
func (a *Agent) send(d *Description) (*Description, error) {
	d.Origin = Origin{User: "-", ID: a.id, Host: a.addr.Unmap().WithZone("").String()}
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
	sent, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("writing a description: %w", err)
	}
	a.version, a.text = version, string(b)
	return sent, nil
}

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
	Refusal     string // why it is not enabled, when the other side or we refused it
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

// Find is the codec of a number in a packet from this side. Numbers we gave
// count first; then those the side itself listed, since some devices send with
// them whatever they were told.
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
