package auth

import "sync"

// replayShards spreads the lock over the reader loops.
const replayShards = 64

// use is what the memory of nonces says to a request that carries a right response.
type use uint8

const (
	useFresh    use = iota // not seen before: let it on
	useRepeated            // the same request again: let it on
	useSpent               // this nonce count was used by another request, or may have been
)

// replays remembers which nonce counts were used. Only nonces that have proved
// an identity are here, so their number is bounded by honest work. A full
// shard forgets its oldest nonce, and from then on takes nonces as old as that
// one for spent when it does not know them: forgetting never lets a replay in.
type replays struct {
	shards [replayShards]replayShard
}

type replayShard struct {
	sync.Mutex
	at    map[uint64]uint32 // nonce id to index in ring
	ring  []window          // in order of first use, oldest at next once it is full
	next  uint32
	limit int
	floor uint32 // nonces made then or before have been forgotten
}

// window is the use of one nonce.
type window struct {
	id      uint64
	seen    uint64 // bit i: highest-i was used
	latest  uint64 // the request that used highest
	highest uint32
	made    uint32
	single  bool // used without a nonce count
}

func newReplays(limit int) *replays {
	t := new(replays)
	for i := range t.shards {
		t.shards[i].at = make(map[uint64]uint32)
		t.shards[i].limit = max(1, limit/replayShards)
	}
	return t
}

// use notes that the request with that hash used nonce n with count nc
// (RFC 7616 §3.4: nc must be new for the nonce). counted is false when it came
// without qop: the nonce is then good for this request only.
func (t *replays) use(n nonce, nc uint32, counted bool, request uint64) use {
	s := &t.shards[n.id%replayShards]
	s.Lock()
	defer s.Unlock()
	i, known := s.at[n.id]
	if !known {
		if n.made <= s.floor {
			return useSpent
		}
		s.add(window{id: n.id, seen: 1, latest: request, highest: nc, made: n.made, single: !counted})
		return useFresh
	}
	w := &s.ring[i]
	if w.latest == request && w.single == !counted && (!counted || nc == w.highest) {
		return useRepeated
	}
	if w.single || !counted {
		return useSpent
	}
	return w.count(nc, request)
}

func (w *window) count(nc uint32, request uint64) use {
	if nc > w.highest {
		w.seen = w.seen<<min(nc-w.highest, 64) | 1
		w.highest, w.latest = nc, request
		return useFresh
	}
	back := w.highest - nc
	if back >= 64 || w.seen&(1<<back) != 0 {
		return useSpent
	}
	w.seen |= 1 << back
	return useFresh
}

func (s *replayShard) add(w window) {
	if len(s.ring) < s.limit {
		s.at[w.id] = uint32(len(s.ring))
		s.ring = append(s.ring, w)
		return
	}
	old := &s.ring[s.next]
	s.floor = max(s.floor, old.made)
	delete(s.at, old.id)
	*old = w
	s.at[w.id] = s.next
	s.next = (s.next + 1) % uint32(len(s.ring))
}
