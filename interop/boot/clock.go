package boot

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Clock is what a phone found out about the time where it stands.
type Clock struct {
	Name   string // of the zone, as the maker calls it, where nothing else is told
	Offset int    // seconds east of Greenwich, in winter
	// Start and End are when summer time begins and ends, as month.week.weekday/hour: week
	// 5 is the last, Sunday is 0. "" is never.
	Start, End string
}

// change writes a change of clocks in one form, whatever the maker's: a week from 1 or a
// day that it begins with, the last one as -1 or 5; a weekday from 1, Monday, to 7, or
// from 0, Sunday.
func change(month, week, weekday, hour int) string {
	return fmt.Sprintf("%d.%d.%d/%d", month, week, weekday%7, hour)
}

func number(s string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(s), "+"))
	if err != nil {
		return -1000
	}
	return n
}

// weekOf is the week that begins at a day of the month.
func weekOf(day int) int {
	if day < 0 {
		return 5
	}
	return (day + 6) / 7
}

var numbers = regexp.MustCompile(`-?\d+`)

// offset reads hours and minutes, as in "GMT-03:30", "+5:45" and "UTC".
func offset(s string) int {
	parts := numbers.FindAllString(s, -1)
	if len(parts) == 0 {
		return 0
	}
	seconds := number(parts[0]) * 3600
	if len(parts) > 1 {
		minutes := number(parts[1]) * 60
		if strings.Contains(s, "-") {
			minutes = -minutes
		}
		seconds += minutes
	}
	return seconds
}

// posix reads a zone as POSIX writes it, without minutes.
func posix(s string) (c Clock, err error) {
	m := regexp.MustCompile(`^[A-Z]+([+-]\d+(?::\d+)?)(?:[A-Z]+[+-]\d+(?::\d+)?,M([\d.]+/\d+),M([\d.]+/\d+))?$`).FindStringSubmatch(s)
	if m == nil {
		return c, fmt.Errorf("time zone %q", s)
	}
	return Clock{Offset: -offset(m[1]), Start: m[2], End: m[3]}, nil
}

var flatRule = regexp.MustCompile(`^start=(\d+)/(-?\d+)/(\d)/(\d+):0:0;end=(\d+)/(-?\d+)/(\d)/(\d+):0:0;save=1$`)

// flatClock reads the clock of a flat profile.
func flatClock(p map[string]string) (c Clock, err error) {
	c.Offset = offset(p["Time_Zone"])
	if p["Daylight_Saving_Time_Enable"] != "Yes" {
		return c, nil
	}
	m := flatRule.FindStringSubmatch(p["Daylight_Saving_Time_Rule"])
	if m == nil {
		return c, fmt.Errorf("Daylight_Saving_Time_Rule %q", p["Daylight_Saving_Time_Rule"])
	}
	n := func(i int) int { return number(m[i]) }
	c.Start, c.End = change(n(1), weekOf(n(2)), n(3), n(4)), change(n(5), weekOf(n(6)), n(7), n(8))
	return c, nil
}

// colonClock reads the clock of a Cisco 7960.
func colonClock(p map[string]string) Clock {
	c := Clock{Offset: offset(p["time_zone"])}
	if p["dst_auto_adjust"] != "1" || p["dst_offset"] != "01/00" {
		return c
	}
	at := func(which string) string {
		get := func(name string) string { return p["dst_"+which+"_"+name] }
		month := 0
		for m := time.January; m <= time.December; m++ {
			if m.String() == get("month") {
				month = int(m)
			}
		}
		weekday := -1
		for d := time.Sunday; d <= time.Saturday; d++ {
			if d.String() == get("day_of_week") {
				weekday = int(d)
			}
		}
		week := number(get("week_of_month"))
		if week == 8 {
			week = 5
		}
		hour, _, _ := strings.Cut(get("time"), "/")
		return change(month, week, weekday, number(hour))
	}
	c.Start, c.End = at("start"), at("stop")
	return c
}

// polycomClock reads the clock of a Polycom.
func polycomClock(p map[string]string) Clock {
	const sntp = "tcpIpApp.sntp."
	c := Clock{Offset: number(p[sntp+"gmtOffset"])}
	if p[sntp+"daylightSavings.enable"] != "1" {
		return c
	}
	at := func(which string) string {
		get := func(name string) string { return p[sntp+"daylightSavings."+which+"."+name] }
		week := weekOf(number(get("date")))
		if get("dayOfWeek.lastInMonth") == "1" {
			week = 5
		}
		return change(number(get("month")), week, number(get("dayOfWeek"))-1, number(get("time")))
	}
	c.Start, c.End = at("start"), at("stop")
	return c
}

// yealinkClock reads the clock of a Yealink.
func yealinkClock(p map[string]string) Clock {
	c := Clock{Offset: offset(p["local_time.time_zone"])}
	if p["local_time.summer_time"] != "1" || p["local_time.dst_time_type"] != "1" || p["local_time.offset_time"] != "60" {
		return c
	}
	at := func(s string) string {
		n := numbers.FindAllString(s, -1)
		if len(n) != 4 {
			return s
		}
		return change(number(n[0]), number(n[1]), number(n[2]), number(n[3]))
	}
	c.Start, c.End = at(p["local_time.start_time"]), at(p["local_time.end_time"])
	return c
}

// snomClock reads the clock of a Snom.
func snomClock(offset, dst string) Clock {
	c := Clock{Offset: number(offset)}
	m := regexp.MustCompile(`^3600 (\d+)\.(\d+)\.(\d+) (\d+):00:00 (\d+)\.(\d+)\.(\d+) (\d+):00:00$`).FindStringSubmatch(dst)
	if m != nil {
		n := func(i int) int { return number(m[i]) }
		c.Start, c.End = change(n(1), n(2), n(3), n(4)), change(n(5), n(6), n(7), n(8))
	}
	return c
}

// fanvilClock reads the clock of a Fanvil, which counts quarters of an hour.
func fanvilClock(root *node) Clock {
	c := Clock{Offset: 900 * number(root.value("TimeZone"))}
	if root.value("EnableDST") != "2" || root.value("DSTMinOffset") != "60" {
		return c
	}
	at := func(which string) string {
		n := func(name string) int { return number(root.value("DST" + which + name)) }
		week := n("Week")
		if week == -1 {
			week = 5
		}
		return change(n("Mon"), week, n("Wday"), n("Hour"))
	}
	c.Start, c.End = at("Start"), at("End")
	return c
}
