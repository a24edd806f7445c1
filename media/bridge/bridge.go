// Package bridge is the packet path of a call: the streams between its two sides, the
// legs of each, what passes or is converted between them, what is played to a side, and
// who listens to it. It knows nothing of offers, answers and branches: its owner tells
// it what each side agreed to (Connect), and what is wanted besides (Demand).
//
// A Bridge has one lock, for what packets touch; it is never held while waiting. The
// owner makes all calls that change a bridge one at a time. Sockets and conversion
// paths are closed outside the lock, because closing waits for the packet being
// handled. A transport that moves belongs to one bridge at any moment: Way.lock finds
// it.
package bridge

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/relay"
	"tandem/media/secure"
	"tandem/media/sound"
	"tandem/media/transcode"
	"tandem/media/transport"
)

// Which names a side of a call.
type Which uint8

const (
	A Which = iota // the calling side by convention
	B
)

// Other is the opposite side.
func (w Which) Other() Which { return 1 - w }

func (w Which) String() string { return string('A' + rune(w)) }

// Bridge carries the media of one call between its sides. Its methods are called one at
// a time, except Watch, which may be called at any time.
type Bridge struct {
	id     string
	serial uint64
	plant  *Plant
	owner  Owner

	mu        sync.Mutex // guards the fields below, and the legs
	streams   []*stream  // changed only by calls of the owner, which may read it without the lock
	closed    bool
	idle      bool
	noKernel  bool      // its streams cannot be forwarded in the kernel
	signalled time.Time // when a description last came or was asked for
}

// Owner is the user of a bridge.
type Owner interface {
	// Post reports an event. It may be called with the bridge's lock held, so it must
	// never wait.
	Post(Event)
	// Soon schedules a task as one more call of the owner, unless the bridge is closed
	// by then. It never waits.
	Soon(task func())
	// Asked returns what is wanted now. The bridge calls it only within a call of the
	// owner.
	Asked() Demand
}

// Demand is what is wanted of the audio besides forwarding it.
type Demand struct {
	Tones     [2]dtmf.Tones // where keys are detected
	Listeners []*Listener
	Recorder  *sound.Recorder // nil = no recording
}

// Listener receives what a side says in its first audio line, as PCM at a given rate.
type Listener struct {
	Side Which
	Rate int
	Hear func(pcm []int16)
}

// Plant is what the bridges of a server share.
type Plant struct {
	Plane      *relay.Plane
	Pool       *transcode.Pool
	Host       *transport.Host
	Silence    time.Duration // EventOneWay after this time without RTP
	Idle, Held time.Duration // EventIdle after this time, where media is expected and where it is not
	Settle     time.Duration // a direction that passed unchanged for this time may move into the kernel
	Opus       codec.Options // for encoding
	DecodeInGo bool          // decode Opus in Go even if libopus is there
	Logger     *slog.Logger
}

// New makes a bridge without streams. id identifies the call in logs; serial identifies
// the bridge within the plant.
func New(p *Plant, id string, serial uint64, owner Owner, now time.Time) *Bridge {
	return &Bridge{id: id, serial: serial, plant: p, owner: owner, signalled: now}
}

// Serial identifies the bridge within the plant.
func (b *Bridge) Serial() uint64 { return b.serial }

// logger returns the plant's logger with the call's id.
func (b *Bridge) logger() *slog.Logger { return b.plant.Logger.With("media", b.id) }

// Begun notes that an exchange of descriptions is under way.
func (b *Bridge) Begun() {
	b.mu.Lock()
	b.signalled = time.Now()
	b.mu.Unlock()
}

// Line makes the stream of an m-line, unless there is one.
func (b *Bridge) Line(i int, kind string) error {
	_, err := b.stream(i, kind)
	return err
}

// stream finds or makes the stream of an m-line.
func (b *Bridge) stream(i int, kind string) (*stream, error) {
	if i < len(b.streams) {
		return b.streams[i], nil
	}
	if i != len(b.streams) {
		return nil, fmt.Errorf("m-line %d before m-line %d", i+1, len(b.streams)+1)
	}
	st := &stream{bridge: b, index: i, kind: kind}
	b.mu.Lock()
	b.streams = append(b.streams, st)
	b.mu.Unlock()
	return st, nil
}

// leg is a side's end of an m-line, nil if there is none.
func (b *Bridge) leg(i int, w Which) *leg {
	if i < len(b.streams) {
		return b.streams[i].legs[w]
	}
	return nil
}

// Way returns the transport of a side for an m-line, or nil.
func (b *Bridge) Way(i int, w Which) *Way {
	if l := b.leg(i, w); l != nil {
		return l.way
	}
	return nil
}

// Standing returns how an m-line was last agreed to be carried to a side: its
// protection ("" if nothing was agreed), and whether it uses ICE and rtcp-mux.
func (b *Bridge) Standing(i int, w Which) (security secure.Keying, ice, mux bool) {
	l := b.leg(i, w)
	if l == nil {
		return "", false, false
	}
	return l.way.Asked(), l.agreed.ICE.Ufrag != "", l.agreed.Mux
}

// FreshKeys makes new keys of ours toward a side before they are told again.
func (b *Bridge) FreshKeys(w Which) {
	for _, st := range b.streams {
		if l := st.legs[w]; l != nil {
			l.way.FreshKeys()
		}
	}
}

// Forgo drops the transports that wait for a side to agree to them.
func (b *Bridge) Forgo(w Which) {
	for _, st := range b.streams {
		if l := st.legs[w]; l != nil {
			l.wait(nil)
		}
	}
}

// Close ends all legs.
func (b *Bridge) Close() {
	b.Forgo(A)
	b.Forgo(B)
	b.mu.Lock()
	b.onload()
	b.byeAll()
	b.closed = true
	streams := b.streams
	b.streams = nil
	b.mu.Unlock()
	for _, st := range streams {
		for _, l := range st.legs {
			if l != nil {
				l.close()
			}
		}
	}
}
