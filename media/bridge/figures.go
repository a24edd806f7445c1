package bridge

import (
	"time"

	"tandem/media/route"
)

// Figures ends a reporting interval of every stream.
func (b *Bridge) Figures(now time.Time) (list []StreamReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, st := range b.streams {
		for _, l := range st.legs {
			if l != nil {
				l.account() // both directions, since each reports about both sides
			}
		}
	}
	for _, st := range b.streams {
		r := StreamReport{Kind: st.kind}
		for w, l := range st.legs {
			if l != nil {
				r.Sides[w] = l.figures(now)
			}
		}
		list = append(list, r)
	}
	return list
}

func (l *leg) figures(now time.Time) LegReport {
	w := l.way
	r := LegReport{
		On: l.on, Local: w.Advertised(), Remote: w.To(), Security: w.Security(),
		Ready: w.Ready(), Converting: l.path != nil, Kernel: l.flow != nil, Series: l.series,
		Received: l.in.Report(now), Hears: l.remote,
		Dropped: l.dropped, Datagrams: l.raw, LastHeard: l.heard,
	}
	r.Strangers, r.Refused = w.Figures()
	r.Sent.Packets, r.Sent.Octets = l.out.Sent()
	if l.main != route.None {
		if v := l.routes.Of(l.main); v.Verb != route.Drop && int(v.Codec) < len(l.agreed.Codecs) {
			r.Codec = l.agreed.Codecs[v.Codec].Name
		}
	}
	if r.Codec == "" && r.Received.Packets > 0 && len(l.agreed.Codecs) > 0 { // the other side has no leg
		r.Codec = l.agreed.Codecs[0].Name
	}
	if l.path != nil {
		r.Path = l.path.Stats()
		r.Received.Concealed, r.Received.BufferDelay = r.Path.Concealed, r.Path.BufferDelay
	}
	return r
}
