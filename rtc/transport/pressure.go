package transport

// droppedPressure is the pressure when datagrams were lost: high enough to shed what
// can wait.
const droppedPressure = 0.95

// Pressure returns how far behind the UDP readers are: the fill of the fullest receive
// buffer, 0 (idle) to 1 (full), and at least 0.95 when the kernel has dropped datagrams
// since the last call. It makes one system call for each socket; call it a few times a
// second, from one goroutine.
func (t *Transport) Pressure() float64 {
	most, info := 0.0, new(meminfo)
	for _, l := range t.listeners {
		for _, s := range l.socks {
			fill, drops, ok := s.backlog(info)
			if !ok {
				continue
			}
			if drops != s.drops {
				if !s.sieved.Load() {
					fill = max(fill, droppedPressure)
				}
				s.drops = drops
			}
			most = max(most, fill)
		}
	}
	return min(most, 1)
}
