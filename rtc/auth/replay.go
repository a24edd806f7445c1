package auth

import "sync"

// replayShards is the number of locks over which the reader loops are spread.
const replayShards = 64

// use is the verdict of the memory of nonces on a request with a correct response.
type use uint8

const (
	useFresh    use = iota // not seen before: passes
	useRepeated            // a retransmission: passes
	useSpent               // another request has used this nonce count, or may have
)

// replays remembers which nonce counts were used. It holds only nonces that have proved
// an identity, so guessing does not fill it. A full shard forgets its oldest nonce;
// from then on it treats unknown nonces of that age or older as spent, so forgetting
// never allows a replay.
type replays struct {
	shards [replayShards]replayShard
}

type replayShard struct {
	sync.Mutex
	heads []uint32 // by nonce id: 1 + index in ring of the first window of a chain; 0 when empty
	ring  []window // in order of first use; once it is full, next is the oldest
	next  uint32
	limit int
	floor uint32 // all nonces made at this time or before may have been forgotten
}

// window records which nonce counts of one nonce were used.
type window struct {
	id      uint64
	seen    uint64 // bit i is set when the count highest-i was used
	latest  uint64 // hash of the request that used highest
	highest uint32
	made    uint32
	chain   uint32 // 1 + index of the next window of its chain
	single  bool   // used without a nonce count
}

func newReplays(limit int) *replays {
	t := new(replays)
	for i := range t.shards {
		t.shards[i].limit = max(1, limit/replayShards)
	}
	return t
}

// use records that the request with this hash has used the count nc of nonce n (RFC
// 7616 §3.4: the count must be new for the nonce). counted is false when the request
// had no qop: the nonce is then good for this request only.
func (t *replays) use(n nonce, nc uint32, counted bool, request uint64) use {
	s := &t.shards[n.id%replayShards]
	s.Lock()
	defer s.Unlock()
	w := s.find(n.id)
	if w == nil {
		if n.made <= s.floor {
			return useSpent
		}
		s.add(window{id: n.id, seen: 1, latest: request, highest: nc, made: n.made, single: !counted})
		return useFresh
	}
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

// chainOf returns the head of the chain for a nonce. Ids are random and their lowest
// bits have already selected the shard. len(heads) is a power of two, at least 1.
func (s *replayShard) chainOf(id uint64) *uint32 {
	return &s.heads[id/replayShards&uint64(len(s.heads)-1)]
}

func (s *replayShard) find(id uint64) *window {
	if len(s.heads) == 0 {
		return nil
	}
	for at := *s.chainOf(id); at != 0; at = s.ring[at-1].chain {
		if w := &s.ring[at-1]; w.id == id {
			return w
		}
	}
	return nil
}

// add inserts a new window. Chains in a ring need half the memory of a map.
func (s *replayShard) add(w window) {
	if len(s.ring) < s.limit {
		if len(s.ring) >= len(s.heads) {
			s.grow()
		}
		s.ring = append(s.ring, w)
		s.link(uint32(len(s.ring)))
		return
	}
	old := &s.ring[s.next]
	s.floor = max(s.floor, old.made)
	s.unlink(s.next + 1)
	*old = w
	s.link(s.next + 1)
	s.next = (s.next + 1) % uint32(len(s.ring))
}

// link puts the window at (1 + index) at the front of its chain; unlink removes it.
func (s *replayShard) link(at uint32) {
	w := &s.ring[at-1]
	head := s.chainOf(w.id)
	w.chain, *head = *head, at
}

func (s *replayShard) unlink(at uint32) {
	w := &s.ring[at-1]
	p := s.chainOf(w.id)
	for *p != at {
		p = &s.ring[*p-1].chain
	}
	*p = w.chain
}

func (s *replayShard) grow() {
	s.heads = make([]uint32, max(16, 2*len(s.heads)))
	for i := range s.ring {
		s.link(uint32(i) + 1)
	}
}
