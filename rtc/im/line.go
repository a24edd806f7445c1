package im

import (
	"slices"
	"sync"

	"tandem/rtc"
)

// maxLine is how many messages of one sender to one receiver may wait for the archive.
const maxLine = 100

// lines are where messages wait for the archive: each sender has one to each receiver,
// so that none overtakes another because the archive was quicker with it. All are given
// to the archive at once; they leave in the order in which they came. How many there
// are in all, the transactions bound.
type lines struct {
	mu sync.Mutex
	of map[pair][]*waiter // guarded by mu; the first came first
}

type pair struct{ from, to rtc.AOR }

// waiter is a message in a line. Only its lane may touch the flight.
type waiter struct {
	at   pair
	f    *flight
	goOn func()

	// Guarded by lines.mu until it is the first and ready:
	ready bool  // the archive has said what it has to
	err   error // of the archive
}

// join puts a message at the end of its line; nil: too many wait there.
func (l *lines) join(f *flight, goOn func()) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &waiter{at: pair{f.from, f.to}, f: f, goOn: goOn}
	line := l.of[w.at]
	if len(line) >= maxLine {
		return nil
	}
	if l.of == nil {
		l.of = make(map[pair][]*waiter)
	}
	l.of[w.at] = append(line, w)
	return w
}

// done notes what the archive says of a message. It reports whether that is the first
// in its line: then it goes on, and the caller calls next.
func (l *lines) done(w *waiter, err error) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.ready, w.err = true, err
	return l.of[w.at][0] == w
}

// next takes the first of a line away, which has gone on, and returns the one behind
// it when that is to go on as well.
func (l *lines) next(w *waiter) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := slices.Delete(l.of[w.at], 0, 1)
	if len(line) == 0 {
		delete(l.of, w.at)
		return nil
	}
	l.of[w.at] = line
	if !line[0].ready {
		return nil
	}
	return line[0]
}

// release has messages go on, each on its lane. It must not be called on a lane.
func (l *lines) release(w *waiter) {
	for w != nil {
		w.f.lane.Do(func() { w.f.passed(w.err, w.goOn) })
		w = l.next(w)
	}
}
