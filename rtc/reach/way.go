package reach

import (
	"strings"

	"tandem/rtc/location"
	"tandem/rtc/transport"
)

// way tells how to reach a binding; not ok: there is no way now.
func (r *Reach) way(b *location.Binding) (w Way, ok bool) {
	w = Way{URI: contactURI(b.URI), Path: b.Path, Q: b.Q, Instance: b.Instance, From: b.Flow.Remote, Device: b.Device, CallID: b.CallID}
	if b.Path != "" { // the edge in the Path knows its flow, we do not
		return w, true
	}
	switch {
	case !b.Flow.IsZero() && b.Flow.Alive():
		w.Flow = b.Flow
	case b.Flow.IsZero() && b.Flow.Remote.IsValid() && overUDP(b.URI): // the socket is the same after a restart
		flow, err := r.transport.Flow(transport.Target{Proto: transport.UDP, Addr: b.Flow.Remote})
		if err != nil {
			return w, false
		}
		w.Flow = flow
	case b.RegID != 0 || !b.Flow.IsZero() && b.Flow.Proto() > transport.TCP || strings.Contains(b.URI, ".invalid"):
		return w, false // its connection has gone, and only the phone can open another
	default:
		return w, true // perhaps it listens where its Contact says
	}
	switch {
	case b.RegID != 0 || w.Flow.Proto() > transport.TCP:
		w.Sticky = true
	case endsWith(w.URI, w.Flow.Remote): // nearly always
	default:
		switch Compare([]byte(w.URI), w.Flow) {
		case Elsewhere:
			w.Sticky = true
		case OtherPort: // some phones send from one port and listen at another
			w.Flow = transport.Flow{}
		}
	}
	return w, true
}
