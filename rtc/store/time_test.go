package store

import (
	"testing"
	"time"
)

func TestMillis(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 123_456_789, time.UTC)
	for _, c := range []struct {
		written time.Time
		kept    int64
		read    time.Time
	}{
		{time.Time{}, 0, time.Time{}},
		{at, at.UnixMilli(), at.Truncate(time.Millisecond)},
	} {
		if kept := Millis(c.written); kept != c.kept {
			t.Errorf("%v is kept as %d, want %d", c.written, kept, c.kept)
		}
		if read := FromMillis(c.kept); !read.Equal(c.read) || read.IsZero() != c.written.IsZero() {
			t.Errorf("%d is read as %v, want %v", c.kept, read, c.read)
		}
	}
}
