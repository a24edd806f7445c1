package media

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tandem/media/relay"
	"tandem/media/sound"
	"tandem/media/transcode"
	"tandem/media/transport"
)

// bridge is the packet path between the sides of a session: its streams, the legs of
// each and what converts between them. It knows nothing of offers, answers and
// branches; what it must know of what the call layer wants it asks for. What changes
// it is called one at a time, with ctl held.
type bridge struct {
	id     string
	serial uint64 // in the order they were made
	plant  *plant
	owner  owner

	mu        sync.Mutex // guards all that follows, and the legs; never held while waiting
	streams   []*stream  // changed with ctl held as well, so that either will do to read it
	closed    bool
	idle      bool
	noKernel  bool      // they cannot be forwarded there
	signalled time.Time // when a description came or was asked for last
}

// owner is what a bridge knows of whoever it carries sound for.
type owner interface {
	post(Event)       // tells what happens; never waits
	soon(task func()) // has a task done with ctl held, unless the bridge is closed by then
	asked() demand    // with ctl held
}

// plant is what the bridges of a server have in common.
type plant struct {
	c     Config
	plane *relay.Plane
	pool  *transcode.Pool
	host  *transport.Host
}

// demand is what the call layer wants of the sound, beside its being passed on.
type demand struct {
	tones     [2]Tones // where keys are listened for
	listeners []*Listener
	recorder  *sound.Recorder // nil: nothing is recorded
}

// logger is the server's, for this session.
func (b *bridge) logger() *slog.Logger { return b.plant.c.Logger.With("media", b.id) }

// begun notes that an exchange goes on.
func (b *bridge) begun() {
	b.mu.Lock()
	b.signalled = time.Now()
	b.mu.Unlock()
}

// stream finds or makes the stream of an m-line.
func (b *bridge) stream(i int, kind string) (*stream, error) {
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
func (b *bridge) leg(i int, w Which) *leg {
	if i < len(b.streams) {
		return b.streams[i].legs[w]
	}
	return nil
}

// forgo gives up the transports that wait for a side to agree to them.
func (b *bridge) forgo(w Which) {
	for _, st := range b.streams {
		if l := st.legs[w]; l != nil {
			l.wait(nil)
		}
	}
}

// close ends all legs.
func (b *bridge) close() {
	b.forgo(A)
	b.forgo(B)
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
