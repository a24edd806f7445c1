package export

import (
	"cmp"
	"slices"
	"time"

	"tandem/telephony/cdr"
)

// By is what records are added up by.
type By string

// What records are added up by.
const (
	ByUser  By = "user"  // who pays; the caller of calls that nobody pays for
	ByTrunk By = "trunk" // "" for calls within the house
	ByKind  By = "kind"  // of number
	ByHour  By = "hour"  // of the day they began, in local time: "2026-05-04 12:00"
	ByDay   By = "day"
)

// Sum is what the calls of one key come to.
type Sum struct {
	Key      string
	Calls    int
	Answered int
	Talked   time.Duration
	Delay    time.Duration // average post-dial delay of those that rang
	MOS      float64       // average of both sides of those measured; 0: none was

	rang, measured int
}

// maxKeys bounds a report; the calls of further keys are one, others.
const maxKeys = 10_000

// others is the key of what did not fit into a report.
const others = "(others)"

// Report adds records up.
type Report struct {
	by   By
	sums map[string]*Sum
}

// NewReport makes an empty one.
func NewReport(by By) *Report { return &Report{by, make(map[string]*Sum)} }

// Add adds a record.
func (p *Report) Add(r *cdr.Record) {
	key := p.key(r)
	s := p.sums[key]
	if s == nil {
		if len(p.sums) >= maxKeys {
			key = others
		}
		if s = p.sums[key]; s == nil {
			s = &Sum{Key: key}
			p.sums[key] = s
		}
	}
	s.Calls++
	if !r.Answered.IsZero() {
		s.Answered++
	}
	s.Talked += r.Talked()
	if d := r.Delay(); d > 0 {
		s.rang++
		s.Delay += d
	}
	for _, side := range r.Sides {
		if side.MOS > 0 {
			s.measured++
			s.MOS += side.MOS
		}
	}
}

func (p *Report) key(r *cdr.Record) string {
	switch p.by {
	case ByTrunk:
		return r.Trunk
	case ByKind:
		return r.Kind
	case ByHour:
		return r.Started.Local().Format("2006-01-02 15:00")
	case ByDay:
		return r.Started.Local().Format(time.DateOnly)
	}
	return string(cmp.Or(r.Payer, r.From))
}

// Sums are what was added, in the order of their keys.
func (p *Report) Sums() []Sum {
	list := make([]Sum, 0, len(p.sums))
	for _, s := range p.sums {
		out := *s
		if s.rang > 0 {
			out.Delay /= time.Duration(s.rang)
		}
		if s.measured > 0 {
			out.MOS /= float64(s.measured)
		}
		list = append(list, out)
	}
	slices.SortFunc(list, func(a, b Sum) int { return cmp.Compare(a.Key, b.Key) })
	return list
}
