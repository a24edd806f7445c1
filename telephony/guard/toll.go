package guard

import "time"

// Toll is one call, as far as limits count it. A call that is tried by
// several trunks counts once. Its methods may be called from anywhere; a nil Toll
// is a call that nobody bounds.
type Toll struct {
	g     *Guard
	payer Payer
	kind  string

	begun bool
	end   func(why string) // once it is answered: what ends it
	holds []hold           // by trunk of its attempts under way
}

// hold is what one attempt holds.
type hold struct {
	trunk string
	used  []*usage
}

// Toll makes the toll of a call to a number of a kind. Nothing is counted yet.
func (g *Guard) Toll(p Payer, kind string) *Toll {
	if g == nil {
		return nil
	}
	return &Toll{g: g, payer: p, kind: kind}
}

// Begin counts the call, which goes out by a trunk. A text says why it may not;
// then nothing is counted. Each Begin that succeeds needs an End.
func (t *Toll) Begin(trunk string) (refused string) {
	if t == nil {
		return ""
	}
	now := time.Now()
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	h := hold{trunk: trunk}
	var counted []*Limit
	for _, k := range t.payer.keys(t.kind, trunk) {
		l, u := t.g.limits[k], t.g.usage(k, t.payer.User, now) // counted without a limit, too: one may be set later
		if l != nil {
			if why := l.fits(u, now, !t.begun); why != "" {
				return why
			}
		}
		h.used, counted = append(h.used, u), append(counted, l)
	}
	for i, u := range h.used {
		u.calls++
		if l := counted[i]; l != nil && !t.begun && l.PerMinute > 0 {
			if u.next.Before(now) {
				u.next = now
			}
			u.next = u.next.Add(l.step())
		}
	}
	t.begun = true
	t.holds = append(t.holds, h)
	return ""
}

// Answered counts the minutes from now on, of the attempt by a trunk. end is told why
// when they have used up a limit; it is to end the call, may be told more than once,
// and is called with nothing held.
func (t *Toll) Answered(trunk string, end func(why string)) {
	if t == nil {
		return
	}
	now := time.Now()
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	for _, h := range t.holds {
		if h.trunk == trunk && t.end == nil {
			t.end = end
			for _, u := range h.used {
				u.settle(now)
				if u.talking == nil {
					u.talking = make(map[*Toll]bool)
				}
				u.talking[t] = true
				t.g.watch(u, now)
			}
		}
	}
}

// End ends the attempt by a trunk.
func (t *Toll) End(trunk string) {
	if t == nil {
		return
	}
	now := time.Now()
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	for i, h := range t.holds {
		if h.trunk != trunk {
			continue
		}
		for _, u := range h.used {
			u.calls--
			u.settle(now)
			delete(u.talking, t)
			if len(u.talking) == 0 && u.alarm != nil {
				u.alarm.Stop()
			}
		}
		t.holds = append(t.holds[:i:i], t.holds[i+1:]...)
		return
	}
}

// Spent counts a call of today that ended before this program began.
func (g *Guard) Spent(p Payer, kind, trunk string, d time.Duration) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range p.keys(kind, trunk) {
		u := g.usage(k, p.User, now)
		u.settle(now)
		u.spent += d
	}
}

// Used is what a limit's calls come to now.
type Used struct {
	Calls   int
	Minutes float64 // today
}

// Used is what a limit's calls come to; of the default, those of the user named.
func (g *Guard) Used(k Key, user string) Used {
	g.mu.Lock()
	defer g.mu.Unlock()
	u := g.used[counterOf(k, user)]
	if u == nil {
		return Used{}
	}
	u.settle(time.Now())
	return Used{u.calls, u.spent.Minutes()}
}
