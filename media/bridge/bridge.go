// Package bridge is the packet path of a call: the streams between its two sides, the
// legs of each, what passes and what is converted between them, what is played to a side
// and what is heard of it. It knows nothing of offers, answers and branches: it is told
// what each side agreed to (Connect), and asks its owner what is wanted beside (Demand).
//
// A Bridge has one lock, for what packets touch; it is never held while waiting for
// anything. What changes a bridge is called one at a time: its owner sees to that. Sockets
// and conversion paths are closed outside the lock, because closing waits for the packet
// in hand. A transport that moves belongs to one bridge at any moment: Way.lock finds it.
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
	A Which = iota // by convention the calling side
	B
)

// Other is the opposite side.
func (w Which) Other() Which { return 1 - w }

func (w Which) String() string { return string('A' + rune(w)) }

// Bridge carries the media of one call between its sides. But for Watch, which may be
// called at any time, its methods are called one at a time.
type Bridge struct {
	id     string
	serial uint64
	plant  *Plant
	owner  Owner

	mu        sync.Mutex // guards all that follows, and the legs
	streams   []*stream  // changed by the calls of the owner alone, which need no lock to read it
	closed    bool
	idle      bool
	noKernel  bool      // they cannot be forwarded there
	signalled time.Time // when a description came or was asked for last
}

// Owner is who the bridge carries media for.
type Owner interface {
	// Post tells what happens. It may be called with the bridge's lock held: it never
	// waits.
	Post(Event)
	// Soon has a task done as one more call of the owner's, unless the bridge is closed
	// by then. It never waits.
	Soon(task func())
	// Asked is what is wanted now; the bridge asks within a call of the owner's.
	Asked() Demand
}

// Demand is what is wanted of the sound, beside its being passed on.
type Demand struct {
	Tones     [2]dtmf.Tones // where keys are listened for
	Listeners []*Listener
	Recorder  *sound.Recorder // nil: nothing is recorded
}

// Listener is given what a side says in its first audio line, as PCM of a rate.
type Listener struct {
	Side Which
	Rate int
	Hear func(pcm []int16)
}

// Plant is what the bridges of a server have in common.
type Plant struct {
	Plane      *relay.Plane
	Pool       *transcode.Pool
	Host       *transport.Host
	Silence    time.Duration // EventOneWay after so long without RTP
	Idle, Held time.Duration // EventIdle after so long, where something should come and where not
	Settle     time.Duration // a direction that passed unchanged for so long may move into the kernel
	Opus       codec.Options // of what we say
	DecodeInGo bool          // Opus, even where libopus is there
	Logger     *slog.Logger
}

// New makes a bridge without streams. id is the call's, for logs; serial tells it from
// all others of the plant.
func New(p *Plant, id string, serial uint64, owner Owner, now time.Time) *Bridge {
	return &Bridge{id: id, serial: serial, plant: p, owner: owner, signalled: now}
}

// Serial tells the bridge from all others of the plant.
func (b *Bridge) Serial() uint64 { return b.serial }

// logger is the plant's, for this call.
func (b *Bridge) logger() *slog.Logger { return b.plant.Logger.With("media", b.id) }

// Begun notes that an exchange goes on.
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

// leg is a side's end of an m-line, nil while there is none.
func (b *Bridge) leg(i int, w Which) *leg {
	if i < len(b.streams) {
		return b.streams[i].legs[w]
	}
	return nil
}

// Way is how a side's end of an m-line is reached, nil while it has none.
func (b *Bridge) Way(i int, w Which) *Way {
	if l := b.leg(i, w); l != nil {
		return l.way
	}
	return nil
}

// Standing says how an m-line was last agreed to be carried to a side: how it is
// protected, "" when nothing was agreed, and whether with ICE and with rtcp-mux.
func (b *Bridge) Standing(i int, w Which) (security secure.Keying, ice, mux bool) {
	l := b.leg(i, w)
	if l == nil {
		return "", false, false
	}
	return l.way.Asked(), l.agreed.ICE.Ufrag != "", l.agreed.Mux
}

// FreshKeys has our keys toward a side made anew before they are told again.
func (b *Bridge) FreshKeys(w Which) {
	for _, st := range b.streams {
		if l := st.legs[w]; l != nil {
			l.way.FreshKeys()
		}
	}
}

// Forgo gives up the transports that wait for a side to agree to them.
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
