package hours

import (
	"testing"
	"time"
)

func TestHas(t *testing.T) {
	for _, c := range []struct {
		text string
		at   string // weekday and time
		has  bool
	}{
		{"mon-fri 08:00-18:00", "Mon 08:00", true},
		{"mon-fri 08:00-18:00", "Fri 17:59", true},
		{"mon-fri 08:00-18:00", "Fri 18:00", false},
		{"mon-fri 08:00-18:00", "Sat 12:00", false},
		{"fri-mon 08:00-18:00", "Sun 12:00", true},
		{"fri-mon 08:00-18:00", "Wed 12:00", false},
		{"sat 22:00-06:00", "Sat 23:00", true},
		{"sat 22:00-06:00", "Sun 05:59", true},
		{"sat 22:00-06:00", "Sun 06:00", false},
		{"sat 22:00-06:00", "Sat 05:00", false},
		{"22:00-06:00", "Wed 03:00", true},
		{"00:00-24:00", "Wed 23:59", true},
		{" Tue  09:00-10:00 ", "Tue 09:30", true},
	} {
		w, err := Parse([]string{c.text})
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("Mon 15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		day := time.Date(2026, 11, 29, at.Hour(), at.Minute(), 0, 0, time.UTC) // a Sunday
		for day.Format("Mon") != c.at[:3] {
			day = day.AddDate(0, 0, 1)
		}
		if w.Has(day) != c.has {
			t.Errorf("%s has %s: %v", c.text, c.at, !c.has)
		}
	}
}

func TestWrong(t *testing.T) {
	for _, text := range []string{"", "mon", "moo 08:00-18:00", "mon-foo 08:00-18:00", "8-18", "08:00", "08:00-08:00", "08:60-09:00", "25:00-26:00", "24:00-08:00", "mon 8:00-9:00", "mon -1:00-09:00"} {
		if _, err := Parse([]string{text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("mon-fri 08:00-18:00")
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := Parse([]string{text}); err == nil {
			w.Has(time.Now())
		}
	})
}
