package trace

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/transport"
)

// DefaultBudget is the octets of messages a Ring keeps when none are named.
const DefaultBudget = 16 << 20

// shards is how many independent arenas share the budget: reader loops that
// write at the same time seldom meet.
const shards = 8

// minRecord bounds the number of kept messages: one for so many octets.
const minRecord = 256

// Entry is one message that went in or out.
type Entry struct {
	Seq    uint64 // rises by one with every message of the ring; starts at 1
	Time   time.Time
	Out    bool   // sent by us
	Flow   string // "udp 127.0.0.1:5060 192.0.2.1:5060": transport, local, remote
	Local  string // host:port
	Remote string // host:port
	Bytes  []byte // the whole message, cut when it is larger than half an arena
}

// Ring holds the newest messages within a budget of octets. It is safe for
// concurrent use; writing neither allocates nor waits for readers longer than
// a copy takes.
type Ring struct {
	turn   atomic.Uint64 // spreads messages over the shards
	seq    atomic.Uint64 // taken under a shard's lock
	shards [shards]arena
}

// arena is one part of the ring: records in the order they came, their octets
// one behind the other, wrapping at the end.
type arena struct {
	mu      sync.Mutex
	bytes   []byte
	head    int // where the next message goes
	records []record
	first   int // index of the oldest record
	count   int
	gone    uint64   // seq of the newest record dropped
	_       [64]byte // keeps neighbours' locks on different cache lines
}

type record struct {
	seq  uint64
	time time.Time
	out  bool
	flow transport.Flow
	name string // instead of flow
	off  int
	size int
}

// NewRing makes a ring that keeps at most budget octets of messages;
// 0 means DefaultBudget. At least 32 KiB are kept.
func NewRing(budget int) *Ring {
	if budget <= 0 {
		budget = DefaultBudget
	}
	size := max(budget/shards, 4096)
	r := &Ring{}
	for i := range r.shards {
		r.shards[i].bytes = make([]byte, size)
		r.shards[i].records = make([]record, size/minRecord)
	}
	return r
}

// Tap keeps a message; it fits transport.Config.Tap.
func (r *Ring) Tap(p transport.Packet) {
	r.put(record{time: p.Time, out: p.Out, flow: p.Flow}, p.Bytes)
}

// Add keeps a message of a flow that is not a transport's, written
// "udp local remote".
func (r *Ring) Add(t time.Time, out bool, flow string, b []byte) {
	r.put(record{time: t, out: out, name: flow}, b)
}

func (r *Ring) put(rec record, b []byte) {
	a := &r.shards[r.turn.Add(1)%shards]
	a.mu.Lock()
	defer a.mu.Unlock()
	rec.seq = r.seq.Add(1)
	b = b[:min(len(b), len(a.bytes)/2)]
	rec.off, rec.size = a.reserve(len(b)), len(b)
	copy(a.bytes[rec.off:], b)
	a.records[(a.first+a.count)%len(a.records)] = rec
	a.count++
}

// reserve makes room for n octets and a record, dropping the oldest.
func (a *arena) reserve(n int) int {
	if a.head+n > len(a.bytes) {
		// The tail stays unused; what lies in it is older than the start.
		for a.count > 0 && a.records[a.first].off >= a.head {
			a.drop()
		}
		a.head = 0
	}
	for a.count == len(a.records) || a.count > 0 && a.overlaps(n) {
		a.drop()
	}
	off := a.head
	a.head += n
	return off
}

func (a *arena) overlaps(n int) bool {
	oldest := &a.records[a.first]
	return oldest.off < a.head+n && oldest.off+oldest.size > a.head
}

func (a *arena) drop() {
	a.gone = a.records[a.first].seq
	a.records[a.first] = record{} // lets go of the flow
	a.first = (a.first + 1) % len(a.records)
	a.count--
}

// Last is the Seq of the newest message, 0 when there was none.
func (r *Ring) Last() uint64 { return r.seq.Load() }

// Entries returns copies of the kept messages with Seq > after that f lets
// through, oldest first and without a gap: a reader that asks again with the
// last Seq it got misses only what was dropped meanwhile.
func (r *Ring) Entries(after uint64, f Filter) []Entry {
	last := r.settled()
	var out []Entry
	oldest := uint64(0)
	for i := range r.shards {
		part, gone := r.shards[i].collect(after, last, f)
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
func (a *arena) collect(after, last uint64, f Filter) (out []Entry, gone uint64) {
	a.mu.Lock()
	if a.count == 0 || a.newest().seq <= after {
		gone = a.gone
		a.mu.Unlock()
		return nil, gone
	}
	bytes, gone := slices.Clone(a.bytes), a.gone
	records := make([]record, a.count)
	for i := range records {
		records[i] = a.records[(a.first+i)%len(a.records)]
	}
	a.mu.Unlock()
	for _, rec := range records {
		if rec.seq <= after || rec.seq > last {
			continue
		}
		flow := rec.name
		if flow == "" {
			flow = rec.flow.String()
		}
		e := Entry{Seq: rec.seq, Time: rec.time, Out: rec.out, Flow: flow, Bytes: bytes[rec.off : rec.off+rec.size]}
		e.Local, e.Remote = ends(flow)
		if f.Match(&e) {
			e.Bytes = slices.Clone(e.Bytes)
			out = append(out, e)
		}
	}
	return out, gone
}

func (a *arena) newest() *record { return &a.records[(a.first+a.count-1)%len(a.records)] }

// ends splits "udp local remote".
func ends(flow string) (local, remote string) {
	parts := strings.Fields(flow)
	if len(parts) < 3 {
		return "", flow
	}
	return parts[1], parts[2]
}
