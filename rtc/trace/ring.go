package trace

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"tandem/rtc/transport"
)

// DefaultBudget is the octets of messages a Ring keeps when none are named.
const DefaultBudget = 8 << 20

// shards is how many independent arenas share the budget: reader loops that
// write at the same time seldom meet.
const shards = 8

// Entry is one message that went in or out.
type Entry struct {
	Seq    uint64 // rises by one with every message of the ring; starts at 1
	Time   time.Time
	Out    bool   // sent by us
	Unsent string // by us, but it did not leave: why; "" for a message that did
	Flow   string // "udp 127.0.0.1:5060 192.0.2.1:5060": transport, local, remote
	Local  string // host:port
	Remote string // host:port
	Bytes  []byte // the whole message, cut when it is larger than half an arena
}

// Ring holds the newest messages within a budget of octets. It is safe for
// concurrent use; writing neither allocates nor waits for readers longer than
// a copy takes.
type Ring struct {
	listeners listeners
	stretch   uint64
	_         [64]byte // what stands above is read with every message
	turns     [shards]turn
	_         [64]byte      // seq changes with every message: alone on its cache line
	seq       atomic.Uint64 // taken under a shard's lock
	_         [64]byte
	shards    [shards]arena
}

// stretchOf is how many messages a reader loop writes before it goes on to the
// next arena, about a thirtieth of one: few enough that all forget at the same
// pace, and enough that an arena stays in the cache of one core for a while.
func stretchOf(arena int) uint64 { return uint64(max(1, arena/32/512)) }

// turn counts the messages of a loop.
type turn struct {
	count atomic.Uint64
	_     [56]byte
}

// NewRing makes a ring that keeps at most budget octets of messages and what
// is noted with them; 0 means DefaultBudget. At least 32 KiB are kept.
func NewRing(budget int) *Ring {
	if budget <= 0 {
		budget = DefaultBudget
	}
	size := max(budget/shards, 4096) &^ 7
	r := &Ring{stretch: stretchOf(size)}
	for i := range r.shards {
		r.shards[i].bytes = make([]byte, size)
	}
	return r
}

// Tap keeps a message; it fits transport.Config.Tap.
func (r *Ring) Tap(p transport.Packet) {
	remote := p.Flow.Remote
	if remote.Addr().Zone() != "" { // a link-local peer: rare, so as text
		r.add(p.Loop, p.Time, p.Out, p.Flow.String(), p.Bytes)
		return
	}
	n := note{time: p.Time.UnixNano(), port: remote.Port(), proto: uint8(p.Flow.Proto()), listener: r.listeners.number(p.Flow.Listener())}
	n.addr = remote.Addr().As16()
	if p.Out {
		n.flags |= isOut
	}
	if remote.Addr().Is4() {
		n.flags |= isIPv4
	}
	r.put(p.Loop, &n, "", p.Bytes)
}

// Add keeps a message of a flow that is not a transport's, written
// "udp local remote".
func (r *Ring) Add(t time.Time, out bool, flow string, b []byte) { r.add(0, t, out, flow, b) }

// Unsent keeps a message that did not leave, and why.
func (r *Ring) Unsent(f transport.Flow, b []byte, why error) {
	n := note{time: time.Now().UnixNano(), flags: isNamed | isUnsent | isOut}
	name := f.String() + " " + why.Error()
	r.put(0, &n, name[:min(len(name), longestName)], b)
}

func (r *Ring) add(loop int, t time.Time, out bool, flow string, b []byte) {
	n := note{time: t.UnixNano(), flags: isNamed}
	if out {
		n.flags |= isOut
	}
	r.put(loop, &n, flow[:min(len(flow), longestName)], b)
}

func (r *Ring) put(loop int, n *note, name string, b []byte) {
	t := &r.turns[loop%shards]
	a := &r.shards[(t.count.Add(1)/r.stretch+uint64(loop))%shards]
	if !a.mu.TryLock() { // a loop that is as fast as this one would be met for a whole stretch
		a = &r.shards[(t.count.Add(r.stretch)/r.stretch+uint64(loop))%shards]
		a.mu.Lock()
	}
	b = b[:min(len(b), len(a.bytes)/2)]
	n.seq = r.seq.Add(1)
	a.put(n, name, b)
	a.mu.Unlock()
}

// Last is the Seq of the newest message, 0 when there was none.
func (r *Ring) Last() uint64 { return r.seq.Load() }

// Gone is the highest Seq of a message that is kept no more, 0 while all are.
func (r *Ring) Gone() (seq uint64) {
	for i := range r.shards {
		a := &r.shards[i]
		a.mu.Lock()
		seq = max(seq, a.gone)
		a.mu.Unlock()
	}
	return seq
}

// Entries returns copies of the kept messages with Seq > after that f lets
// through, oldest first and without a gap: a reader that asks again with the
// last Seq it got misses only what was dropped meanwhile.
func (r *Ring) Entries(after uint64, f Filter) []Entry {
	last := r.settled()
	var out []Entry
	oldest := uint64(0)
	for i := range r.shards {
		part, gone := r.collect(&r.shards[i], after, last, f)
		out = append(out, part...)
		oldest = max(oldest, gone)
	}
	// Shards do not forget at the same pace; show no torn conversation.
	out = slices.DeleteFunc(out, func(e Entry) bool { return e.Seq <= oldest })
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// settled is a sequence number up to which everything is stored: numbers are
// given under the locks, so with all locks held none is on its way.
func (r *Ring) settled() uint64 {
	for i := range r.shards {
		r.shards[i].mu.Lock()
	}
	last := r.seq.Load()
	for i := range r.shards {
		r.shards[i].mu.Unlock()
	}
	return last
}

// collect filters a copy, so that writers wait for no more than the copying.
func (r *Ring) collect(a *arena, after, last uint64, f Filter) (out []Entry, gone uint64) {
	copied, gone := a.snapshot(after)
	copied.each(func(n note, name string, b []byte) {
		if n.seq <= after || n.seq > last {
			return
		}
		e := Entry{Seq: n.seq, Time: time.Unix(0, n.time), Out: n.flags&isOut != 0, Bytes: b}
		if n.flags&isUnsent != 0 {
			name, e.Unsent = reason(name)
		}
		e.Flow, e.Local, e.Remote = r.ends(&n, name)
		if f.match(&e) {
			e.Bytes = mask(slices.Clone(b))
			out = append(out, e)
		}
	})
	return out, gone
}
