package media

import (
	"net/netip"
	"time"

	"tandem/media/quality"
	"tandem/media/route"
	"tandem/media/transcode"
)

// Report is a session's figures at one moment.
type Report struct {
	ID      string
	Created time.Time
	Streams []StreamReport
}

// StreamReport is one m-line.
type StreamReport struct {
	Kind  string
	Sides [2]LegReport
}

// LegReport is a side's end of an m-line: what it sends and how it hears.
type LegReport struct {
	On         bool
	Codec      string // its voice comes in this, as name/clock
	Local      netip.AddrPort
	Remote     netip.AddrPort // where packets go; as signalled or as latched
	Security   Security
	Ready      bool // keys are there
	Converting bool
	Kernel     bool           // what comes from this side is forwarded in the kernel
	Received   quality.Report // what came from this side
	Sent       Counts         // what went to it
	Hears      quality.Remote // what it says of what it hears
	Path       transcode.Stats
	Strangers  uint64 // packets of others, dropped
	Refused    uint64 // packets that failed authentication
	Dropped    uint64 // packets nobody could take
	Datagrams  uint64 // of what is no RTP (fax)
	LastHeard  time.Time
}

// Counts is packets and octets (RTP, without IP and UDP).
type Counts struct{ Packets, Octets uint64 }

// Report closes an interval of every stream and returns the figures.
func (s *Session) Report() Report {
	now := time.Now()
	s.ctl.Lock() // keeps paths from being closed while they are asked
	defer s.ctl.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		for _, l := range st.legs {
			if l != nil {
				l.account() // both ways, for each tells of both sides
			}
		}
	}
	r := Report{ID: s.id, Created: s.created}
	for _, st := range s.streams {
		sr := StreamReport{Kind: st.kind}
		for w, l := range st.legs {
			if l != nil {
				sr.Sides[w] = l.figures(now)
			}
		}
		r.Streams = append(r.Streams, sr)
	}
	return r
}

func (l *leg) figures(now time.Time) LegReport {
	w := l.way
	r := LegReport{
		On: l.on, Local: w.Advertised(), Remote: w.To(), Security: w.Security(),
		Ready: w.Ready(), Converting: l.path != nil, Kernel: l.flow != nil,
		Received: l.in.Report(now), Hears: l.remote,
		Dropped: l.dropped, Datagrams: l.raw, LastHeard: l.heard,
	}
	r.Strangers, r.Refused = w.Figures()
	r.Sent.Packets, r.Sent.Octets = l.out.Sent()
	if l.main != route.None {
		if v := l.routes[l.main]; v.Verb != route.Drop && int(v.Codec) < len(l.agreed.Codecs) {
			r.Codec = l.agreed.Codecs[v.Codec].Name
		}
	}
	if r.Codec == "" && r.Received.Packets > 0 && len(l.agreed.Codecs) > 0 { // nobody is on the other side
		r.Codec = l.agreed.Codecs[0].Name
	}
	if l.path != nil {
		r.Path = l.path.Stats()
		r.Received.Concealed, r.Received.BufferDelay = r.Path.Concealed, r.Path.BufferDelay
	}
	return r
}
