package media

import (
	"math/rand/v2"
	"time"

	"tandem/media/dtmf"
	"tandem/media/quality"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/transcode"
)

// stream is one m-line of a session: a leg to each side that has one.
type stream struct {
	session *Session
	index   int
	kind    string
	legs    [2]*leg
}

// leg is a side's end of a stream. What it receives goes to the other leg by
// its routes; what it sends goes through its rewrite, whatever the source.
// Guarded by Session.mu. What each packet touches stands together: with
// thousands of calls every cache line is fetched anew for every packet.
type leg struct {
	stream *stream
	way    *transport
	which  Which
	on     bool  // agreed and not refused
	audio  bool  // of agreed, as are
	hears  bool  // this side may send to us
	speaks bool  // we may send to this side
	main   uint8 // payload number its voice last came in
	oneWay bool

	series  bool             // the relay's worker forwards what comes next
	flow    *relay.Offloaded // in the kernel, toward the other leg
	path    *transcode.Path  // converts toward the other leg
	tap     *transcode.Path  // decodes for recording and key detection alone
	play    *transcode.Path  // announcement or keys of our own in place of all else
	source  source           // of the last packet sent
	heard   time.Time
	in      quality.Inbound
	out     quality.Outbound
	rewrite relay.Rewrite
	routes  [128]route

	// what comes from this side
	agreed    sdp.Agreed
	keys      *dtmf.Reader
	keyPT     uint8
	lastKey   time.Time
	since     time.Time // when it was last expected to begin sending
	remote    quality.Remote
	pathOf    pathKey
	building  bool // a path is being made
	tapOf     tapKey
	accounted relay.FlowCounters
	steady    time.Time // when it was last taken back
	dropped   uint64    // packets with no route
	raw       uint64    // datagrams that are no RTP

	// what goes to this side
	plays     int       // sources started on play; ctl
	keysUntil time.Time // keys of our own are sent until then; ctl
	cname     string
	nextRTCP  time.Time
}

// begin sets what a new leg sends as.
func (l *leg) begin() {
	l.rewrite = *relay.NewRewrite(rand.Uint32())
	l.rewrite.Mark = true
	l.cname = cname()
	l.keyPT = none
	l.main = none
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

// close ends the leg's paths and, when no other leg uses it, its transport.
// Called without Session.mu.
func (l *leg) close() {
	s := l.stream.session
	s.mu.Lock()
	l.onload()
	l.stream.legs[l.which.Other()].onload()
	paths := []*transcode.Path{l.path, l.tap, l.play}
	l.path, l.tap, l.play = nil, nil, nil
	w := l.way
	last := len(w.legs) > 0
	for i, other := range w.legs {
		if other == l {
			w.legs = append(w.legs[:i:i], w.legs[i+1:]...)
			break
		}
	}
	last = last && len(w.legs) == 0
	s.mu.Unlock()
	for _, p := range paths {
		if p != nil {
			p.Close()
		}
	}
	if last {
		w.close()
	}
}

// unused notes that side w has no part in m-line i, making the stream so that
// later lines keep their place. Called with ctl held.
func (s *Session) unused(w Which, i int, kind string) error {
	st, err := s.stream(i, kind)
	if err != nil {
		return err
	}
	s.mu.Lock()
	l := st.legs[w]
	st.legs[w] = nil
	s.mu.Unlock()
	if l != nil {
		l.close()
	}
	return nil
}
