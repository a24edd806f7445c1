package policy

import (
	"testing"
	"time"
)

func TestUntil(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"8h":               now.Add(8 * time.Hour),
		"2027-01-31":       time.Date(2027, 2, 1, 0, 0, 0, 0, time.Local),
		"2027-01-31T18:00": time.Date(2027, 1, 31, 18, 0, 0, 0, time.Local),
	} {
		if got, err := parseUntil(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
