package guard

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// counter is what is counted: a limit, and for the default whose.
type counter struct {
	Key
	user string
}

// usage is what was called under a limit. Guard.mu guards it.
type usage struct {
	of    counter
	next  time.Time // when the next call may begin if all came evenly
	calls int       // at a time

	spent   time.Duration  // minutes of conversation since midnight, as of counted
	counted time.Time      // until when spent is right
	talking map[*Toll]bool // answered calls under way
	alarm   *time.Timer    // goes off when they have used up the limit; nil before there was need
}

// maxIdle bounds how many counters of other days are kept. Those of today are as many as
// there are users, groups, sites and trunks that call, times the kinds of numbers.
const maxIdle = 50_000

// counterOf is where calls count for a limit.
func counterOf(k Key, user string) counter {
	c := counter{Key: k.folded()}
	if k.Level == Default {
		c.user = user
	}
	return c
}

// usage of a limit by a payer; g.mu is held.
func (g *Guard) usage(k Key, user string, now time.Time) *usage {
	c := counterOf(k, user)
	u := g.used[c]
	if u == nil {
		if today := midnight(now); len(g.used) >= maxIdle && !g.swept.Equal(today) { // once a day: it looks at all
			g.swept = today
			maps.DeleteFunc(g.used, func(_ counter, u *usage) bool {
				return u.calls == 0 && u.counted.Before(today) && !u.next.After(now)
			})
		}
		u = &usage{of: c}
		g.used[c] = u
	}
	return u
}

// midnight is when the day of t began.
func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// settle counts the calls under way until now. At midnight it begins anew.
func (u *usage) settle(now time.Time) {
	if today := midnight(now); u.counted.Before(today) {
		u.spent, u.counted = 0, today
	}
	if d := now.Sub(u.counted); d > 0 {
		u.spent, u.counted = u.spent+d*time.Duration(len(u.talking)), now
	}
}

// left is how much may still be spent today, for all calls together.
func (l *Limit) left(u *usage, now time.Time) time.Duration {
	u.settle(now)
	return time.Duration(l.MinutesDay)*time.Minute - u.spent
}

// watch sets the alarm for when the calls under way have used up the limit. More calls
// use it up sooner: it is set anew whenever one is answered. g.mu is held.
func (g *Guard) watch(u *usage, now time.Time) {
	l := g.limits[u.of.Key]
	if l == nil || l.MinutesDay == 0 || len(u.talking) == 0 {
		return // an alarm that is set finds nothing to do
	}
	n := time.Duration(len(u.talking))
	wait := (max(l.left(u, now), 0) + n - 1) / n
	if u.alarm == nil {
		u.alarm = time.AfterFunc(wait, func() { g.usedUp(u) })
		return
	}
	u.alarm.Reset(wait)
}

// usedUp ends the calls of a limit whose minutes are used up, or waits on when some are
// left.
func (g *Guard) usedUp(u *usage) {
	g.mu.Lock()
	l, now := g.limits[u.of.Key], time.Now()
	if l == nil || l.MinutesDay == 0 || l.left(u, now) > 0 {
		g.watch(u, now)
		g.mu.Unlock()
		return
	}
	why, calls := l.spentText(), slices.Collect(maps.Keys(u.talking))
	g.mu.Unlock()
	for _, t := range calls {
		t.end(why)
	}
}

// fits reports why a call may not begin, "" when it may.
func (l *Limit) fits(u *usage, now time.Time, first bool) string {
	switch {
	case l.closed.Has(now):
		return fmt.Sprintf("%s of %s are refused at this hour", l.what(), l.Scope())
	case l.Calls > 0 && u.calls >= l.Calls:
		return fmt.Sprintf("%s of %s: %d at a time", l.what(), l.Scope(), l.Calls)
	case l.MinutesDay > 0 && l.left(u, now) <= 0:
		return l.spentText()
	case first && l.PerMinute > 0 && u.next.Sub(now) > time.Minute-l.step():
		return fmt.Sprintf("%s of %s: %d may begin in a minute", l.what(), l.Scope(), l.PerMinute)
	}
	return ""
}

func (l *Limit) spentText() string {
	return fmt.Sprintf("%s of %s: %d minutes a day", l.what(), l.Scope(), l.MinutesDay)
}

func (l *Limit) step() time.Duration { return time.Minute / time.Duration(l.PerMinute) }
