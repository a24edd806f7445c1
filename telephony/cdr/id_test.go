package cdr

import (
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	now := time.UnixMilli(1790000000000)
	a, b, later := NewID(now), NewID(now), NewID(now.Add(time.Millisecond))
	if len(a) != 26 || a == b || a[:10] != b[:10] {
		t.Errorf("%s and %s: want 26 characters each, of which the first ten are the same", a, b)
	}
	if later <= a || later <= b || NewID(now.AddDate(100, 0, 0)) <= later || NewID(time.UnixMilli(0)) >= a {
		t.Errorf("%s, %s and %s do not sort by time", a, b, later)
	}
}
