package resolve

import (
	"context"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// A place that did not answer is asked by Config.Probe until it does, and stands
// behind the others until then, so that no request waits for it. Places that
// nobody has wanted for probeAfter are forgotten.
const (
	probeTick  = 500 * time.Millisecond
	probeAfter = time.Hour
)

func (r *Resolver) probeFailed(ctx context.Context) error {
	if r.cfg.Probe == nil {
		return nil
	}
	t := time.NewTicker(probeTick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			r.probe()
		}
	}
}

// probe asks the places that are due.
func (r *Resolver) probe() {
	for _, t := range r.failed.due() {
		r.cfg.Probe(t, func(alive bool) {
			if wait := r.failed.probed(t, alive); alive {
				r.cfg.Log.Info("destination answers again", "peer", t.Addr.String(), "proto", t.Proto.Param())
			} else {
				r.cfg.Log.Debug("destination does not answer yet", "peer", t.Addr.String(), "proto", t.Proto.Param(), "dur", wait)
			}
		})
	}
}

// due are the places to ask now; each is asked once at a time.
func (f *failures) due() (list []transport.Target) {
	if f.count.Load() == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for k, x := range f.m {
		switch {
		case !x.silent || x.asked || now.Before(x.until):
		case now.Sub(x.wanted) > probeAfter:
			delete(f.m, k)
		default:
			x.asked = true
			f.m[k] = x
			list = append(list, x.target)
		}
	}
	f.count.Store(int32(len(f.m)))
	return list
}

// probed notes what a probe found out.
func (f *failures) probed(t transport.Target, alive bool) (wait time.Duration) {
	if alive {
		f.remove(t)
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	x, ok := f.m[placeOf(t)]
	if !ok {
		return 0
	}
	x.asked, x.wait = false, min(2*x.wait, longestWait)
	x.until = f.now().Add(x.wait)
	f.m[placeOf(t)] = x
	return x.wait
}

// Down reports whether no place that a URI leads to, as far as is known without
// asking DNS, has answered lately. Whoever asks has others to choose from.
func (r *Resolver) Down(uri sip.URI) bool {
	if r.failed.count.Load() == 0 {
		return false
	}
	cands, ok := r.Numeric(nil, uri)
	if !ok {
		q, err := r.question(uri)
		if err != nil {
			return false
		}
		if cands, ok, err = r.known(q); !ok || err != nil {
			return false
		}
	}
	return r.failed.all(cands)
}

// all reports whether all of these have failed.
func (f *failures) all(list []Candidate) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, failed := f.now(), 0
	for _, c := range list {
		x, ok := f.m[placeOf(c.Target)]
		if !ok || !x.failed(now) {
			continue
		}
		failed++
		x.wanted = now
		f.m[placeOf(c.Target)] = x
	}
	return failed == len(list) && failed > 0
}
