package bridge

import (
	"math/rand/v2"
	"slices"
	"time"

	"tandem/media/dtmf"
	"tandem/media/quality"
	"tandem/media/rewrite"
	"tandem/media/route"
	"tandem/media/sdp/exchange"
	"tandem/media/transcode"
)

// stream is one m-line of a session: a leg to each side that has one.
type stream struct {
	bridge *Bridge
	index  int
	kind   string
	legs   [2]*leg
}

// leg is a side's end of a stream. What it receives goes to the other leg, following
// its routes; what it sends goes through its rewrite, from any source. Guarded by
// Bridge.mu. Fields that each packet touches stand together: with thousands of calls
// every cache line is fetched from memory for every packet.
type leg struct {
	stream  *stream
	way     *Way
	which   Which
	on      bool  // agreed and not refused
	audio   bool  // from agreed, as are the next two
	hears   bool  // this side may send to us
	speaks  bool  // we may send to this side
	main    uint8 // payload number with which its voice last came
	noise   uint8 // payload number of its comfort noise
	oneWay  bool  // EventOneWay was sent
	resting bool  // it last said that it would be silent (comfort noise)

	series  bool       // the relay's worker forwards the packets that follow
	flow    *flow      // in the kernel, to the other leg
	path    *converter // to the other leg
	tap     *tap       // decodes only for recording and key detection
	ears    []ear      // decode for listeners
	play    *player    // an announcement or keys of our own, in place of everything else
	source  source     // of the last packet sent
	heard   time.Time
	in      quality.Inbound
	out     quality.Outbound
	rewrite rewrite.Stream
	routes  route.Table

	// What comes from this side.
	agreed   exchange.Agreed
	keys     *dtmf.Reader // nil while the path uses it
	lent     *dtmf.Reader
	keyPT    uint8
	lastKey  time.Time
	since    time.Time // when it was last expected to start sending
	remote   quality.Remote
	building bool      // a path is being made
	rebuilt  time.Time // when its packets last asked for one
	turn     time.Time // the turn of the watch at which the kernel was last asked
	steady   time.Time // when it was last taken back from the kernel
	dropped  uint64    // packets without a route
	raw      uint64    // datagrams that are not RTP

	// What goes to this side.
	cname    string
	nextRTCP time.Time

	control
}

// control holds the part of a leg that only calls of the bridge's owner touch.
type control struct {
	next      *Way      // replaces way once it is agreed to
	plays     int       // number of sources started on play
	base      *layers   // the last of them
	keysUntil time.Time // until when keys of our own are being sent
}

// begin sets the identity with which a new leg sends.
func (l *leg) begin() {
	l.rewrite = *rewrite.New(rand.Uint32())
	l.rewrite.Mark = true
	l.cname = cname()
	l.keyPT, l.noise = route.None, route.None
	l.main = route.None
}

// cname is a random name for RTCP, new for each leg (RFC 7022 §4.2).
func cname() string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 16)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

// opposite returns the leg to which packets from l go, or nil.
func (l *leg) opposite() *leg {
	o := l.stream.legs[l.which.Other()]
	if o == nil || !o.on {
		return nil
	}
	return o
}

// join makes the leg use a transport. The caller holds mu.
func (l *leg) join(w *Way) {
	l.way = w
	w.legs = append(w.legs, l)
}

// part takes the leg off its transport. The caller holds mu, and must call after
// without it.
func (l *leg) part() (after func()) {
	w := l.way
	i := slices.Index(w.legs, l)
	if i < 0 {
		return func() {}
	}
	w.legs = append(w.legs[:i:i], w.legs[i+1:]...)
	if len(w.legs) > 0 {
		return func() {}
	}
	return w.Close
}

// coming returns the transport that the leg will have when the current exchange is
// agreed to.
func (l *leg) coming() *Way {
	if l.next != nil {
		return l.next
	}
	return l.way
}

// alone reports whether no other leg uses w or waits for it.
func (l *leg) alone(w *Way) bool {
	for _, st := range l.stream.bridge.streams {
		if o := st.legs[l.which]; o != nil && o != l && (o.way == w || o.next == w) {
			return false
		}
	}
	return true
}

// wait makes w replace the leg's transport once it is agreed to; nil cancels that.
func (l *leg) wait(w *Way) {
	old := l.next
	l.next = w
	if old != nil && old != w && l.way != old && len(old.legs) == 0 && l.alone(old) {
		old.Close()
	}
}

// move switches the leg to the transport that waited for it. The caller holds mu, and
// must call after without it.
func (l *leg) move() (after func()) {
	if l.next == nil {
		return func() {}
	}
	after = l.part()
	l.join(l.next)
	l.next = nil
	return after
}

// close ends the leg's paths and, when no other leg uses it, its transport.
// The caller must not hold mu.
func (l *leg) close() {
	b := l.stream.bridge
	l.wait(nil)
	b.mu.Lock()
	l.onload()
	l.stream.legs[l.which.Other()].onload()
	paths := l.unplug()
	after := l.part()
	b.mu.Unlock()
	for _, p := range paths {
		p.Close()
	}
	after()
}

// unplug removes all paths from a leg. The caller holds mu, and closes the paths
// without it.
func (l *leg) unplug() (paths []*transcode.Path) {
	if l.path != nil {
		paths = append(paths, l.path.Path)
	}
	if l.tap != nil {
		paths = append(paths, l.tap.Path)
	}
	if l.play != nil {
		paths = append(paths, l.play.Path)
	}
	for _, e := range l.ears {
		paths = append(paths, e.path)
	}
	l.path, l.tap, l.play, l.ears = nil, nil, nil, nil
	return paths
}

// Discard closes the legs of a side that carry nothing any more; useless reports that
// for each m-line.
func (b *Bridge) Discard(w Which, useless func(i int) bool) {
	for i, st := range b.streams {
		l := st.legs[w]
		if l == nil || !useless(i) {
			continue
		}
		b.mu.Lock()
		st.legs[w] = nil
		b.mu.Unlock()
		l.close()
	}
}

// On reports whether a side agreed to an m-line, and did not refuse it.
func (b *Bridge) On(i int, w Which) bool {
	l := b.leg(i, w)
	return l != nil && l.on
}

// Tried reports whether any exchange about an m-line of a side has come to its end.
func (b *Bridge) Tried(i int, w Which) bool {
	l := b.leg(i, w)
	return l != nil && l.agreed.Kind != ""
}
