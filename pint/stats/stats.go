// Package stats counts requests for PINT services as RFC 3055 does: by service and
// period, in all, and for each client, user and gateway.
//
// It counts in memory alone, from the start of the server.
package stats

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"tandem/pint/service"
)

// Outcome is what is counted.
type Outcome uint8

// The outcomes. Every request is Received; one of the others follows. Those after
// Disconnected say why, and are counted as disconnected, too.
const (
	Received       Outcome = iota // CallsReceived
	Successful                    // SuccessfulCalls
	Disconnected                  // DisconnectedCalls
	AuthFailed                    // DisCUAutFCalls: the client or user may not
	ServiceProblem                // DisServProbCalls: the service cannot be done
	GatewayProblem                // DisGatProbCalls: no gateway took the call, or the network failed
	outcomes
)

// Period is a span of time that ends now.
type Period string

// The periods of RFC 3055.
const (
	Last30Sec   Period = "last30sec"
	Last15Min   Period = "last15min"
	Last24Hr    Period = "last24Hr"
	SinceReboot Period = "sinceReboot"
)

// periods are all there are.
func periods() []Period { return []Period{Last30Sec, Last15Min, Last24Hr, SinceReboot} }

// Table is what of a request is counted by.
type Table string

// The tables.
const (
	Global  Table = "global"
	Client  Table = "client"
	User    Table = "user"
	Gateway Table = "gateway"
)

// Counts are the counters of one row.
type Counts [outcomes]uint64

// Row is the counters of one service and period, of one client, user or gateway.
type Row struct {
	Table   Table
	Name    string // of the client, user or gateway
	Service service.Kind
	Period  Period
	Counts  Counts
}

// Stats counts. It may be used from anywhere.
type Stats struct {
	mu   sync.Mutex
	rows map[key]*windows
	size map[Table]int
}

type key struct {
	table Table
	name  string
	kind  service.Kind
}

// New makes Stats that have counted nothing.
func New() *Stats { return &Stats{rows: map[key]*windows{}, size: map[Table]int{}} }

// most is how many names a table has; further ones are counted in all only.
const most = 1000

// Request is whose request is counted. Empty names count in no table.
type Request struct {
	Kind                  service.Kind
	Client, User, Gateway string
}

// Count counts an outcome of a request.
func (s *Stats) Count(r Request, o Outcome, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range []key{{Global, "", r.Kind}, {Client, r.Client, r.Kind}, {User, r.User, r.Kind}, {Gateway, r.Gateway, r.Kind}} {
		if k.name == "" && k.table != Global {
			continue
		}
		w := s.rows[k]
		if w == nil {
			if s.size[k.table] >= most {
				continue
			}
			s.size[k.table]++
			w = &windows{}
			s.rows[k] = w
		}
		w.count(o, now)
		if o > Disconnected {
			w.count(Disconnected, now)
		}
	}
}

// Rows are all counters as they are now, in a fixed order.
func (s *Stats) Rows(now time.Time) []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Row
	for k, w := range s.rows {
		for _, p := range periods() {
			list = append(list, Row{k.table, k.name, k.kind, p, w.sum(p, now)})
		}
	}
	order := func(p Period) int { return slices.Index(periods(), p) }
	slices.SortFunc(list, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Service, b.Service), cmp.Compare(order(a.Period), order(b.Period)))
	})
	return list
}

// windows are the counters of one row: rings of seconds, minutes and hours, and
// all since the start.
type windows struct {
	seconds [30]bucket
	minutes [15]bucket
	hours   [24]bucket
	all     Counts
}

// bucket is what was counted in one unit of time.
type bucket struct {
	unit   int64
	counts [outcomes]uint32
}

func (w *windows) count(o Outcome, now time.Time) {
	at := now.Unix()
	add(w.seconds[:], at, o)
	add(w.minutes[:], at/60, o)
	add(w.hours[:], at/3600, o)
	w.all[o]++
}

func add(ring []bucket, unit int64, o Outcome) {
	b := &ring[unit%int64(len(ring))]
	if b.unit != unit {
		*b = bucket{unit: unit}
	}
	b.counts[o]++
}

func (w *windows) sum(p Period, now time.Time) Counts {
	at := now.Unix()
	switch p {
	case Last30Sec:
		return total(w.seconds[:], at)
	case Last15Min:
		return total(w.minutes[:], at/60)
	case Last24Hr:
		return total(w.hours[:], at/3600)
	}
	return w.all
}

func total(ring []bucket, unit int64) (c Counts) {
	for i := range ring {
		if b := &ring[i]; unit-b.unit < int64(len(ring)) {
			for o, n := range b.counts {
				c[o] += uint64(n)
			}
		}
	}
	return c
}
