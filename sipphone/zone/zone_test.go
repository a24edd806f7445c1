package zone

import (
	"testing"
	"time"
)

// TestZones: the rules by which clocks are changed, as they are in years to come, and as
// POSIX writes them.
func TestZones(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  Zone
		posix string
	}{
		{"Europe/Berlin", Zone{3600, true, Change{3, 5, 0, 2}, Change{10, 5, 0, 3}, 3600}, "STD-1DST-2,M3.5.0/2,M10.5.0/3"},
		{"Europe/London", Zone{0, true, Change{3, 5, 0, 1}, Change{10, 5, 0, 2}, 3600}, "STD+0DST-1,M3.5.0/1,M10.5.0/2"},
		{"America/New_York", Zone{-18000, true, Change{3, 2, 0, 2}, Change{11, 1, 0, 2}, 3600}, "STD+5DST+4,M3.2.0/2,M11.1.0/2"},
		{"America/St_Johns", Zone{-12600, true, Change{3, 2, 0, 2}, Change{11, 1, 0, 2}, 3600}, "STD+3:30DST+2:30,M3.2.0/2,M11.1.0/2"},
		{"Australia/Sydney", Zone{36000, true, Change{10, 1, 0, 2}, Change{4, 1, 0, 3}, 3600}, "STD-10DST-11,M10.1.0/2,M4.1.0/3"},
		{"Australia/Lord_Howe", Zone{37800, true, Change{10, 1, 0, 2}, Change{4, 1, 0, 2}, 1800}, "STD-10:30DST-11,M10.1.0/2,M4.1.0/2"},
		{"Asia/Kolkata", Zone{Offset: 19800}, "STD-5:30"},
		{"UTC", Zone{}, "STD+0"},
	} {
		loc, err := time.LoadLocation(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got := read(loc, 2026)
		if got != c.want || got.Posix() != c.posix {
			t.Errorf("%s: %+v %s, want %+v %s", c.name, got, got.Posix(), c.want, c.posix)
		}
	}
	loc, err := time.LoadLocation("America/Santiago") // at midnight before the first Sunday from the 2nd on
	if err != nil {
		t.Fatal(err)
	}
	if z := read(loc, 2026); z.Save != 0 || !z.Summer || z.Offset != -14400 {
		t.Errorf("a rule that is none: %+v", z)
	}
	if (Change{Week: 5}).Day() != -1 || (Change{Week: 2}).Day() != 8 || (Change{Weekday: 0}).ISO() != 7 || (Change{Weekday: 1}).ISO() != 1 {
		t.Error("days and weekdays")
	}
}
