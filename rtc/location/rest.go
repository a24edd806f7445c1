package location

// A record is looked at every restRound seconds, and packed when nobody has asked for
// it since the last time.
const (
	restRound = 16
	restPart  = 64 // records under one lock: a lane may wait for it
)

// open is the list of a record, to be kept at hand. The shard is locked.
func (s *shard) open(r *record) []Binding {
	if !r.used { // spare the cache line
		r.used = true
	}
	if r.list == nil && r.packed != "" {
		r.list = s.common.unpack(r.packed)
	}
	return r.list
}

// read is open for once: who looks at all records leaves them packed.
func (s *shard) read(r *record) []Binding {
	if r.list == nil && r.packed != "" {
		return s.common.unpack(r.packed)
	}
	return r.list
}

// rest packs a record that is on disk, unless it was used. One that has only been read
// since it was packed last is packed still.
func (s *shard) rest(r *record) {
	switch {
	case r.list == nil || r.pending != nil:
	case r.used:
		r.used = false
	default:
		if r.packed == "" {
			r.packed = s.common.pack(r.list)
		}
		if r.packed != "" {
			r.list = nil
		}
	}
}

// rest looks at a part of all shards; round counts.
func (l *Location) rest(round int) {
	for i := round % restRound; i < shards; i += restRound {
		s := &l.shard[i]
		for from, more := 0, true; more; from += restPart {
			s.mu.Lock()
			for k := from; k < min(from+restPart, len(s.due)); k++ {
				s.rest(s.due[k].r)
			}
			more = from+restPart < len(s.due)
			s.mu.Unlock()
		}
	}
}
