package main

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 10, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"10m":                  "2026-03-01T00:00:00Z",
		"-1h":                  "2026-02-28T23:10:00Z",
		"00:05":                "2026-03-01T00:05:00Z",
		"23:59:58":             "2026-02-28T23:59:58Z", // the last one there was
		"2026-01-31T15:04:05Z": "2026-01-31T15:04:05Z",
		"yesterday":            "",
		"":                     "",
	} {
		got, err := moment(in, now)
		if (err == nil) != (want != "") || err == nil && got.Format(time.RFC3339) != want {
			t.Errorf("%q: %v %v, want %q", in, got, err, want)
		}
	}
}
