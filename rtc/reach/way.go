package reach

import (
	"strings"

	"tandem/rtc/location"
	"tandem/rtc/transport"
)

// Means is what a binding is reached by.
type Means string

// The means.
const (
	ByFlow    Means = "flow"    // the socket or connection it registered by
	ByPath    Means = "path"    // the edge in its Path, which knows the flow (RFC 3327)
	ByContact Means = "contact" // a new connection to its Contact, at which it may not listen
	Lost      Means = "lost"    // nothing: its connection has gone, and only the phone can open another
)

// MeansOf tells by what a binding is reached now.
func MeansOf(b *location.Binding) Means {
	switch {
	case b.Path != "":
		return ByPath
	case !b.Flow.IsZero() && b.Flow.Alive(), resocketed(b):
		return ByFlow
	case b.RegID != 0 || !b.Flow.IsZero() && b.Flow.Proto().OneWay() || strings.Contains(b.URI, ".invalid"):
		return Lost
	}
	return ByContact
}

// resocketed reports whether a binding of before a restart came by UDP: the socket
// is the same after it.
func resocketed(b *location.Binding) bool {
	return b.Flow.IsZero() && b.Flow.Remote.IsValid() && overUDP(b.URI)
}

// way tells how to reach a binding; not ok: there is no way now.
func (r *Reach) way(b *location.Binding) (w Way, ok bool) {
	w = Way{URI: contactURI(b.URI), Path: b.Path, Q: b.Q, Instance: b.Instance, From: b.Flow.Remote, Device: b.Device, CallID: b.CallID}
	switch MeansOf(b) {
	case ByPath, ByContact:
		return w, true
	case Lost:
		return w, false
	}
	w.Flow = b.Flow
	if resocketed(b) {
		var err error
		if w.Flow, err = r.transport.Flow(transport.Target{Proto: transport.UDP, Addr: b.Flow.Remote}); err != nil {
			return w, false
		}
	}
	switch {
	case b.RegID != 0 || w.Flow.Proto().OneWay():
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
