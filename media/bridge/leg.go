package bridge

import (
	"math/rand/v2"
	"slices"
	"time"

	"tandem/media/dtmf"
	"tandem/media/quality"
	"tandem/media/relay"
	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/media/transcode"
)

// stream is one m-line of a session: a leg to each side that has one.
type stream struct {
	bridge *Bridge
	index  int
	kind   string
	legs   [2]*leg
}

// leg is a side's end of a stream. What it receives goes to the other leg by
// its routes; what it sends goes through its rewrite, whatever the source.
// Guarded by Bridge.mu. What each packet touches stands together: with
// thousands of calls every cache line is fetched anew for every packet.
type leg struct {
	stream  *stream
	way     *Way
	which   Which
	on      bool  // agreed and not refused
	audio   bool  // of agreed, as are
	hears   bool  // this side may send to us
	speaks  bool  // we may send to this side
	main    uint8 // payload number its voice last came in
	noise   uint8 // of its comfort noise
	oneWay  bool  // told that nothing is heard
	resting bool  // said last that it would be silent (comfort noise)

	series  bool       // the relay's worker forwards what comes next
	flow    *flow      // in the kernel, toward the other leg
	path    *converter // toward the other leg
	tap     *tap       // decodes for recording and key detection alone
	ears    []ear      // decode for listeners
	play    *player    // announcement or keys of our own in place of all else
	source  source     // of the last packet sent
	heard   time.Time
	in      quality.Inbound
	out     quality.Outbound
	rewrite relay.Rewrite
	routes  route.Table

	// what comes from this side
	agreed   sdp.Agreed
	keys     *dtmf.Reader // nil while it is lent to the path
	lent     *dtmf.Reader
	keyPT    uint8
	lastKey  time.Time
	since    time.Time // when it was last expected to begin sending
	remote   quality.Remote
	building bool      // a path is being made
	rebuilt  time.Time // when its packets last asked for one
	turn     time.Time // of the watch, when the kernel was asked last
	steady   time.Time // when it was last taken back
	dropped  uint64    // packets with no route
	raw      uint64    // datagrams that are no RTP

	// what goes to this side
	cname    string
	nextRTCP time.Time

	control
}

// control is what calls of the bridge's owner alone touch of a leg; packets do not.
type control struct {
	next      *Way      // in place of way once it is agreed to
	plays     int       // sources started on play
	keysUntil time.Time // keys of our own are sent until then
}

// begin sets what a new leg sends as.
func (l *leg) begin() {
	l.rewrite = *relay.NewRewrite(rand.Uint32())
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

// opposite is the leg packets from l go to, nil while there is none.
func (l *leg) opposite() *leg {
	o := l.stream.legs[l.which.Other()]
	if o == nil || !o.on {
		return nil
	}
	return o
}

// join has the leg use a transport. Called with mu held.
func (l *leg) join(w *Way) {
	l.way = w
	w.legs = append(w.legs, l)
}

// part takes the leg off its transport; what it returns must be done without mu,
// with which it is called.
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

// coming is the transport the leg will have when the exchange under way is
// agreed to.
func (l *leg) coming() *Way {
	if l.next != nil {
		return l.next
	}
	return l.way
}

// alone says that no other leg has w or waits for it.
func (l *leg) alone(w *Way) bool {
	for _, st := range l.stream.bridge.streams {
		if o := st.legs[l.which]; o != nil && o != l && (o.way == w || o.next == w) {
			return false
		}
	}
	return true
}

// wait has w take the place of the leg's transport once it is agreed to; nil
// takes that back.
func (l *leg) wait(w *Way) {
	old := l.next
	l.next = w
	if old != nil && old != w && l.way != old && len(old.legs) == 0 && l.alone(old) {
		old.Close()
	}
}

// move lets the leg go on by the transport that waited for it; what it returns
// must be done without mu, with which it is called.
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
// Called without mu.
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

// unplug takes all paths off a leg, for the caller to close without mu, with which
// it is called.
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

// Discard closes those of a side's legs that carry nothing any more, as useless says of
// each m-line.
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

// On says whether a side agreed to an m-line, and did not refuse it.
func (b *Bridge) On(i int, w Which) bool {
	l := b.leg(i, w)
	return l != nil && l.on
}

// Tried says whether any exchange about an m-line of a side has come to its end.
func (b *Bridge) Tried(i int, w Which) bool {
	l := b.leg(i, w)
	return l != nil && l.agreed.Kind != ""
}
