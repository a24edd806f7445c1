// Package hours is parts of a week, as people write them: "mon-fri 08:00-18:00".
package hours

import (
	"fmt"
	"strings"
	"time"
)

// Week is parts of a week.
type Week []span

// Parse reads each part: days and times, "sat 22:00-06:00", or times alone for every
// day. The error says how to write it.
func Parse(list []string) (w Week, err error) {
	for _, text := range list {
		s, err := parseSpan(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		w = append(w, s)
	}
	return w, nil
}

// Has reports whether a moment is in one of the parts, in its time zone.
func (w Week) Has(now time.Time) bool {
	for _, s := range w {
		if s.holds(now.Weekday(), now.Hour()*60+now.Minute()) {
			return true
		}
	}
	return false
}

type span struct {
	days     uint8 // a bit for each, Sunday the lowest
	from, to int   // minutes of the day; to before from ends on the next day
}

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func parseSpan(text string) (s span, err error) {
	days, times, ok := strings.Cut(strings.ToLower(strings.TrimSpace(text)), " ")
	if !ok {
		days, times = "sun-sat", days
	}
	first, last, ranged := strings.Cut(days, "-")
	if !ranged {
		last = first
	}
	a, b := weekday(first), weekday(last)
	if a < 0 || b < 0 {
		return s, fmt.Errorf("the days %q are unknown: write mon, mon-fri or nothing", days)
	}
	for d := a; ; d = (d + 1) % 7 {
		s.days |= 1 << d
		if d == b {
			break
		}
	}
	from, to, ok := strings.Cut(strings.TrimSpace(times), "-")
	if s.from, err = minutes(from); err == nil {
		s.to, err = minutes(to)
	}
	if err != nil || !ok || s.from == s.to || s.from == 24*60 {
		return s, fmt.Errorf("the time %q is not a part of a day: write 08:00-18:00", times)
	}
	return s, nil
}

func weekday(name string) int {
	for i, d := range weekdays {
		if d == name {
			return i
		}
	}
	return -1
}

func minutes(text string) (int, error) {
	var h, m int
	if n, err := fmt.Sscanf(text, "%d:%d", &h, &m); err != nil || n != 2 || len(text) != 5 {
		return 0, fmt.Errorf("%q is not a time", text)
	}
	if h < 0 || h > 24 || m < 0 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%q is not a time", text)
	}
	return h*60 + m, nil
}

// holds reports whether the span has a moment in it.
func (s span) holds(day time.Weekday, minute int) bool {
	today, yesterday := s.days>>day&1 == 1, s.days>>((day+6)%7)&1 == 1
	if s.from < s.to {
		return today && minute >= s.from && minute < s.to
	}
	return today && minute >= s.from || yesterday && minute < s.to
}
