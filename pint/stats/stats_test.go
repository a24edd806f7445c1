package stats

import (
	"fmt"
	"testing"
	"time"

	"tandem/pint/service"
)

func TestPeriods(t *testing.T) {
	s := New()
	start := time.Date(2027, 3, 28, 0, 0, 0, 0, time.UTC)
	r := Request{Kind: service.Call, Client: "token:crm", User: "sip:alice@example.com"}
	for i := range 24 * 60 { // one a minute for a day
		s.Count(r, Received, start.Add(time.Duration(i)*time.Minute))
	}
	now := start.Add(24*time.Hour - time.Second)
	s.Count(r, Successful, now)
	s.Count(r, AuthFailed, now)
	s.Count(r, Disconnected, now)
	want := map[Period]Counts{
		Last30Sec: {0, 1, 2, 1}, Last15Min: {15, 1, 2, 1}, Last24Hr: {1440, 1, 2, 1}, SinceReboot: {1440, 1, 2, 1},
	}
	seen := map[Table]int{}
	for _, row := range s.Rows(now) {
		seen[row.Table]++
		if row.Counts != want[row.Period] {
			t.Errorf("%s %s %s: %v, want %v", row.Table, row.Name, row.Period, row.Counts, want[row.Period])
		}
	}
	if seen[Global] != 4 || seen[Client] != 4 || seen[User] != 4 || seen[Gateway] != 0 {
		t.Error(seen)
	}
	for _, row := range s.Rows(now.Add(25 * time.Hour)) {
		if row.Period != SinceReboot && row.Counts != (Counts{}) {
			t.Errorf("a day later %s has %v", row.Period, row.Counts)
		}
	}
}

// Whoever makes up names cannot fill the memory.
func TestBounded(t *testing.T) {
	s := New()
	for i := range 5000 {
		s.Count(Request{Kind: service.Call, User: fmt.Sprint(i)}, Received, time.Now())
	}
	rows := s.Rows(time.Now())
	if len(rows) > 4*(most+1) || rows[0].Table != Global || rows[3].Counts[Received] != 5000 {
		t.Error(len(rows), rows[0])
	}
}
