// Package zone tells time zones as phones are told them: an offset, and the rule by which
// clocks are changed.
//
// It finds the rule in the data of IANA. How a maker writes it is the matter of the templates.
package zone

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Zone is a time zone as phones are told it.
type Zone struct {
	Offset int // seconds east of Greenwich, without summer time
	Summer bool
	// Start and End are when summer time begins and ends, and Save is how many seconds
	// clocks are then ahead. Save is 0 where no rule fits several years.
	Start, End Change
	Save       int
}

// Change is when clocks are changed, as clocks show it until then: "at two on the last
// Sunday of March".
type Change struct {
	Month   int // 1 to 12
	Week    int // the first, ... fourth, 5 the last of these days in the month
	Weekday int // 0 Sunday to 6
	Hour    int
}

// ISO is the weekday from 1, Monday, to 7.
func (c Change) ISO() int { return (c.Weekday+6)%7 + 1 }

// Day is the first day of the month that it can be; -1: the last week of it.
func (c Change) Day() int {
	if c.Week == 5 {
		return -1
	}
	return 7*c.Week - 6
}

// String is month, week, weekday and hour, as in "3/5/7/2".
func (c Change) String() string { return fmt.Sprintf("%d/%d/%d/%d", c.Month, c.Week, c.ISO(), c.Hour) }

// Dated is the same with the first day instead of the week, as in "3/-1/7/2:0:0".
func (c Change) Dated() string {
	return fmt.Sprintf("%d/%d/%d/%d:0:0", c.Month, c.Day(), c.ISO(), c.Hour)
}

// Ahead is how far clocks are ahead in summer, in hours: "1" or "0:30".
func (z Zone) Ahead() string { return Hours(z.Save) }

// zones are those that were asked for, by name. Reading one from disk takes longer than
// making a file; there are only as many as IANA lists.
var zones sync.Map

// Of finds a time zone by its IANA name; one that is unknown is Greenwich's.
func Of(name string) Zone {
	if z, ok := zones.Load(name); ok {
		return z.(Zone)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return Zone{}
	}
	z := read(loc, time.Now().Year())
	zones.Store(name, z)
	return z
}

// ruleYears is for how many years a rule must hold: weekdays have gone through all dates
// of a month by then.
const ruleYears = 11

// read finds the rule by which clocks are changed in the years to come.
func read(loc *time.Location, year int) (z Zone) {
	_, january := time.Date(year, 1, 1, 0, 0, 0, 0, loc).Zone()
	_, july := time.Date(year, 7, 1, 0, 0, 0, 0, loc).Zone()
	z.Offset, z.Summer = min(january, july), january != july
	if !z.Summer {
		return z
	}
	var starts, ends []time.Time
	for y := year; y < year+ruleYears; y++ {
		at := time.Date(y, 1, 1, 0, 0, 0, 0, loc)
		for {
			_, end := at.ZoneBounds()
			if end.IsZero() || end.Year() != y {
				break
			}
			_, before := end.Add(-time.Second).Zone()
			_, after := end.Zone()
			wall := end.UTC().Add(time.Duration(before) * time.Second)
			if after > before {
				starts = append(starts, wall)
			} else {
				ends = append(ends, wall)
			}
			at = end
		}
	}
	var ok, too bool
	z.Start, ok = rule(starts)
	z.End, too = rule(ends)
	if ok && too {
		z.Save = max(january, july) - z.Offset
	}
	return z
}

// rule is what changes of several years have in common, false for nothing.
func rule(times []time.Time) (c Change, ok bool) {
	last := true
	for i, t := range times {
		this := Change{int(t.Month()), (t.Day() + 6) / 7, int(t.Weekday()), t.Hour()}
		last = last && t.AddDate(0, 0, 7).Month() != t.Month()
		switch {
		case i == 0:
			c = this
		case c.Month != this.Month || c.Weekday != this.Weekday || c.Hour != this.Hour:
			return c, false
		case c.Week != this.Week:
			c.Week = 0
		}
	}
	if last {
		c.Week = 5
	}
	return c, len(times) == ruleYears && c.Week > 0
}

// Posix is the zone as POSIX writes it, as in "STD-1DST,M3.5.0/2,M10.5.0/3".
func (z Zone) Posix() string {
	s := "STD" + west(z.Offset)
	if z.Save == 0 {
		return s
	}
	return s + "DST" + west(z.Offset+z.Save) + "," + z.Start.posix() + "," + z.End.posix()
}

func (c Change) posix() string {
	return fmt.Sprintf("M%d.%d.%d/%d", c.Month, c.Week, c.Weekday, c.Hour)
}

// west is an offset as POSIX counts it: hours west of Greenwich.
func west(offset int) string {
	s := Hours(-offset)
	if s[0] != '-' {
		s = "+" + s
	}
	return s
}

// Hours is an offset as "1", "-3:30" or "5:45".
func Hours(offset int) string {
	s := strconv.Itoa(offset / 3600)
	if offset < 0 && offset > -3600 {
		s = "-0"
	}
	if m := offset % 3600 / 60; m != 0 {
		s += ":" + strings.Trim(strconv.Itoa(m), "-")
	}
	return s
}

// Clock is an offset as "+01:00", "-03:30" or "+05:45".
func Clock(offset int) string {
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return fmt.Sprintf("%c%02d:%02d", sign, offset/3600, offset%3600/60)
}
