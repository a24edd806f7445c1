package events

import (
	"context"
	"strconv"
	"strings"
)

// Reader follows a ring. It is not for several goroutines.
type Reader struct {
	ring *Ring
	at   uint64 // number of the last event read
	lost bool   // it begins at a place that the ring does not know
}

// Placed is an event with the mark of its place in the ring.
type Placed struct {
	Mark string // for Follow
	Event
}

// Follow begins after mark: "" is after the newest event. A mark of another run of
// the server begins with the oldest event kept, and counts as missed.
func (r *Ring) Follow(mark string) *Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if mark == "" {
		return &Reader{ring: r, at: r.last}
	}
	run, n, _ := strings.Cut(mark, ".")
	at, err := strconv.ParseUint(n, 10, 64)
	if run != r.run || err != nil || at > r.last {
		return &Reader{ring: r, lost: true}
	}
	return &Reader{ring: r, at: at}
}

// Next returns the events that have come since, and whether some between them and
// the last ones were missed. It waits while there are none, until ctx ends.
func (r *Reader) Next(ctx context.Context) (list []Placed, missed bool, err error) {
	for {
		list, missed, news := r.take()
		if len(list) > 0 || missed {
			for i := range list {
				list[i].Event = list[i].Filled()
			}
			return list, missed, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// most is how many events are handed out at once.
const most = 256

func (r *Reader) take() (list []Placed, missed bool, news <-chan struct{}) {
	g := r.ring
	g.mu.Lock()
	defer g.mu.Unlock()
	first := g.last - uint64(g.count) // number before the oldest kept
	missed = r.lost || r.at < first
	r.lost, r.at = false, max(r.at, first)
	for r.at < g.last && len(list) < most {
		e := *g.at(int(r.at - first))
		r.at++
		list = append(list, Placed{Mark: g.run + "." + strconv.FormatUint(r.at, 10), Event: e})
	}
	if g.news == nil {
		g.news = make(chan struct{})
	}
	return list, missed, g.news
}
