package location

import (
	"slices"
	"sync"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// flowIndex knows which AORs have bindings that came by a connection.
type flowIndex struct {
	mu   sync.Mutex
	aors map[uint64][]rtc.AOR // by transport.Flow.ID
}

// streamID is the id of a connection, 0 for UDP and for no flow.
func streamID(f transport.Flow) uint64 {
	if f == (transport.Flow{}) {
		return 0
	}
	return f.ID()
}

// move follows an AOR from the connections of old to those of list.
func (x *flowIndex) move(aor rtc.AOR, old, list []Binding) {
	for i := range list {
		if id := streamID(list[i].Flow); id != 0 && !uses(old, id) {
			x.mu.Lock()
			if all := x.aors[id]; !slices.Contains(all, aor) {
				x.aors[id] = append(all, aor)
			}
			x.mu.Unlock()
		}
	}
	for i := range old {
		if id := streamID(old[i].Flow); id != 0 && !uses(list, id) {
			x.mu.Lock()
			all := x.aors[id]
			if at := slices.Index(all, aor); at >= 0 {
				all = slices.Delete(all, at, at+1)
			}
			if len(all) == 0 {
				delete(x.aors, id)
			} else {
				x.aors[id] = all
			}
			x.mu.Unlock()
		}
	}
}

func uses(list []Binding, id uint64) bool {
	for i := range list {
		if streamID(list[i].Flow) == id {
			return true
		}
	}
	return false
}

// Uses reports whether a binding came by a connection that this is.
func (l *Location) Uses(f transport.Flow) bool {
	id := streamID(f)
	l.flows.mu.Lock()
	defer l.flows.mu.Unlock()
	return id != 0 && len(l.flows.aors[id]) > 0
}

func (x *flowIndex) of(id uint64) []rtc.AOR {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.aors[id])
}

// FlowClosed takes leave of a connection. A binding that can be reached by it
// alone is removed: one of RFC 5626 (§5.3: the flow failed) and one of WebSocket (RFC
// 7118 §5: nobody can connect to a browser). Any other stays without a flow, and a
// request to it opens a new connection to its contact.
func (l *Location) FlowClosed(f transport.Flow) {
	id := streamID(f)
	if id == 0 {
		return
	}
	web := f.Proto().Web()
	for _, aor := range l.flows.of(id) {
		l.update(aor, Lost, func(old []Binding) ([]Binding, error) { return withoutFlow(old, id, web), nil },
			func(_ []Binding, err error) {
				if err != nil {
					l.log.Error("removing bindings of a closed flow", "aor", aor, "err", err)
				}
			})
	}
}

// bury takes leave of connections that closed before the bindings that came by
// them were here to be found by FlowClosed.
func (l *Location) bury(before, list []Binding) {
	for i := range list {
		if id := streamID(list[i].Flow); id != 0 && !uses(before, id) && !list[i].Flow.Alive() {
			l.FlowClosed(list[i].Flow)
		}
	}
}

func withoutFlow(old []Binding, id uint64, web bool) []Binding {
	if !uses(old, id) {
		return old
	}
	list := make([]Binding, 0, len(old))
	for _, b := range old {
		if streamID(b.Flow) == id {
			if web || b.RegID != 0 && b.Instance != "" {
				continue
			}
			b.Flow = transport.Flow{} // nor its remote: the port was the connection's and means nothing without it
		}
		list = append(list, b)
	}
	return list
}
