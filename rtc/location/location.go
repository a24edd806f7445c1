// Package location holds the bindings of each address-of-record (RFC 3261
// §10): the working copy in memory, the durable one in a Store it names.
//
// # Memory and disk
//
// An update is visible to look-ups at once and acknowledged (its done called)
// when it, and everything before it that it shows, is on disk. When the commit
// fails the AOR goes back to the last state known to be on disk and every update
// waiting on it is told the error; so what a phone got a 200 for is never taken
// back, and what it got a 5xx for may have been routed to for a moment.
//
// # What need not be written
//
// A binding is written with slack: the copy on disk says it lives until its
// expiry plus the interval that was granted. An update that changes nothing but
// time (expiry, CSeq, Call-ID; not the contact, instance, path, q, flow address,
// user agent or device) and whose expiry the copy on disk covers is not
// written and is acknowledged at once. A new Call-ID of a phone that has temporary GRUUs
// is written as well, because it ends those given out before (RFC 5627 §3.2). So a phone
// that refreshes shortly before its expiry is written every second time, one that
// refreshes at half time every third time. After a crash a binding lives until the time on disk: never shorter
// than a phone was promised, at most one interval longer. A server that ends in
// order writes down what phones were promised (promise.go). The CSeq may after
// either be that of the last written update.
//
// Removals, expiry included, are always written. A connection does not
// survive a restart and is not stored: a binding that came by one is restored
// without a flow.
//
// # Bindings at rest
//
// Most bindings wait for the next REGISTER. A record that nobody has asked for lately
// is packed into one text of about a third of its size, in which the collector finds no
// pointers, and unpacked when it is asked for (rest.go). One that came by a connection
// is not.
//
// # Ownership
//
// One lock guards a shard of the AORs. The function given to Update runs under it
// and must be pure; no callback does. There is no timer for each binding: Run
// sweeps what has ended once a second, and look-ups skip it from the moment on.
package location

import (
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Binding joins an address-of-record to one contact.
// Bindings are immutable once in a Location: an update replaces them.
type Binding struct {
	Contact   string // the whole Contact element as the phone sent it: display, URI, every parameter
	URI       string // the contact URI alone, what a request is sent to
	CallID    string
	CSeq      uint32
	RegID     uint32 // reg-id (RFC 5626), 0 when none
	Q         uint16 // 0..1000
	TempGRUU  bool   // the phone may have temporary GRUUs, which end with the Call-ID
	Restored  bool   // as the disk has it: Expires is the latest that the phone may have been promised
	Expires   time.Time
	Instance  string // +sip.instance, without quotes, "" when none
	Path      string // Path values joined by ", " (RFC 3327), "" when none
	UserAgent string
	// The flow the REGISTER came by. After a restart it may be no flow (IsZero);
	// Remote is then where a REGISTER over UDP came from.
	Flow   transport.Flow
	Device string // device secret used

	// until is how long the copy on disk says this binding lives (unix ms),
	// 0 when it is not there.
	until int64
}

// Lookup is what the proxy needs.
type Lookup interface {
	// Bindings returns the current, unexpired bindings, highest q first, newest first
	// within equal q. The slice must not be changed.
	Bindings(aor rtc.AOR) []Binding
}

const shards = 256

// Location is the working copy of all bindings.
type Location struct {
	shard    [shards]shard // first, so that each is one cache line
	store    Store
	log      *slog.Logger
	seed     maphash.Seed
	flows    flowIndex
	distrust atomic.Bool  // what is on disk may be gone
	_        [64]byte     // what stands above is read with every request
	count    atomic.Int64 // bindings, ended ones not yet swept included
	_        [64]byte
	watchers atomic.Pointer[[]Watcher]
}

// Watcher is told of every change of an AOR's bindings, refreshes included,
// after it became visible (it may still be on its way to the disk) and again
// when it had to be undone. Calls for one AOR may overtake each other: who keeps
// a state asks Bindings for the present one. It must not block, nor change the
// slices; it may be on a transaction lane.
type Watcher func(aor rtc.AOR, old, new []Binding, by Cause)

// Cause is by what bindings change.
type Cause uint8

// The causes.
const (
	Asked       Cause = iota // a REGISTER, or their time was over
	Lost                     // their connection has closed, or the disk does not take them
	Deactivated              // an administrator removed them; the device may register again
	Rejected                 // the same, and it may not
)

type shard struct {
	mu sync.Mutex
	// Guarded by mu:
	records map[rtc.AOR]*record
	due     dueHeap
	*side
	_ [16]byte
}

// side is what of a shard need not be near its lock.
type side struct {
	scratch []Binding // what goes to the store
	common  common    // of records at rest
}

// record is all about one AOR.
type record struct {
	aor     rtc.AOR
	number  int64     // what the store calls it, 0: nothing yet
	list    []Binding // visible; never changed, only replaced; nil at rest
	packed  string    // list as it is packed, "" when it is not
	pending *pending  // nil when list is durable
	at      int32     // its place in the heap, -1: none
	used    bool      // since it was looked at last
}

// pending is a record's way back while writes are under way.
type pending struct {
	durable []Binding // the last list known to be on disk
	writes  int       // not yet acknowledged
}

// New makes an empty Location. A nil store keeps bindings in memory alone.
func New(store Store, log *slog.Logger) *Location {
	l := &Location{store: store, log: log, seed: maphash.MakeSeed()}
	l.flows.aors = make(map[uint64][]rtc.AOR)
	for i := range l.shard {
		s := &l.shard[i]
		s.records, s.side = make(map[rtc.AOR]*record), new(side)
	}
	return l
}

func (l *Location) of(aor rtc.AOR) *shard {
	return &l.shard[maphash.String(l.seed, string(aor))%shards]
}

// Watch adds a watcher.
func (l *Location) Watch(w Watcher) {
	for {
		old := l.watchers.Load()
		all := []Watcher{w}
		if old != nil {
			all = append(slices.Clone(*old), w)
		}
		if l.watchers.CompareAndSwap(old, &all) {
			return
		}
	}
}

func (l *Location) tell(aor rtc.AOR, old, list []Binding, by Cause) {
	if all := l.watchers.Load(); all != nil {
		for _, w := range *all {
			w(aor, old, list, by)
		}
	}
}

// Bindings implements Lookup. It allocates only for a record at rest, and in the second
// between the end of a binding and its sweep.
func (l *Location) Bindings(aor rtc.AOR) []Binding {
	s := l.of(aor)
	s.mu.Lock()
	r := s.records[aor]
	if r == nil {
		s.mu.Unlock()
		return nil
	}
	list := s.open(r)
	s.mu.Unlock()
	return live(list, time.Now())
}

// live is the part of list that has not ended.
func live(list []Binding, now time.Time) []Binding {
	for i := range list {
		if !list[i].Expires.After(now) {
			rest := slices.Clone(list[:i])
			for j := i + 1; j < len(list); j++ {
				if list[j].Expires.After(now) {
					rest = append(rest, list[j])
				}
			}
			return rest
		}
	}
	return list
}

// Distrust says whether what is on disk may be gone. While it may, every update
// is written, whatever the copy on disk covers, so that nothing is promised that
// a restart would not know of.
func (l *Location) Distrust(lost bool) { l.distrust.Store(lost) }

// Count of the bindings held.
func (l *Location) Count() int { return int(l.count.Load()) }
