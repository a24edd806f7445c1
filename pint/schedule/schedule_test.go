package schedule

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, zone, want string }{
		{"2027-03-28T12:00:00+01:00", "", "2027-03-28T11:00:00Z"},
		{"2027-01-10T09:30", "Europe/Berlin", "2027-01-10T08:30:00Z"},
		{"2027-07-10 09:30", "Europe/Berlin", "2027-07-10T07:30:00Z"},
		{"2027-03-28T01:59", "Europe/Berlin", "2027-03-28T00:59:00Z"},
		{"2027-03-28T02:30", "Europe/Berlin", "2027-03-28T01:00:00Z"}, // skipped
		{"2027-03-28T02:30:59.7", "Europe/Berlin", "2027-03-28T01:00:00Z"},
		{"2027-03-28T02:00:00.5", "Europe/Berlin", "2027-03-28T01:00:00Z"},
		{"2027-03-28T03:00", "Europe/Berlin", "2027-03-28T01:00:00Z"},
		{"2027-10-31T02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"}, // twice
		{"2027-10-31T03:00", "Europe/Berlin", "2027-10-31T02:00:00Z"},
		{"2027-11-07T01:30", "America/New_York", "2027-11-07T05:30:00Z"}, // twice
		{"2027-03-14T02:30", "America/New_York", "2027-03-14T07:00:00Z"}, // skipped
		{"2027-06-01T00:00", "Pacific/Kiritimati", "2027-05-31T10:00:00Z"},
		{"2027-06-01T00:00", "", "2027-06-01T00:00:00Z"},
		{"soon", "", ""}, {"2027-06-01T00:00", "Europe/Nowhere", ""},
	} {
		got, err := Parse(c.text, c.zone)
		if s := got.Format(time.RFC3339); (err != nil) != (c.want == "") || err == nil && s != c.want {
			t.Errorf("%s %s: %s, %v; want %s", c.text, c.zone, s, err, c.want)
		}
	}
}

// A day's schedule across a change of the clock: every name comes at its time, to
// the millisecond, in order, once.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2027, 3, 27, 20, 0, 0, 0, time.UTC)))
		q := New()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		var got []string
		go func() {
			defer close(ended)
			_ = q.Run(ctx, func(name string) { got = append(got, name+" "+time.Now().UTC().Format("02 15:04:05.000")) })
		}()
		var want []string
		for h := range 24 {
			text := fmt.Sprintf("2027-03-28T%02d:15", h)
			at, err := Parse(text, "Europe/Berlin")
			if err != nil {
				t.Fatal(err)
			}
			q.Set(text, at.Add(time.Hour))
			q.Set(text, at) // the later one counts
			if h != 2 {     // skipped, checked above
				want = append(want, text+" "+at.Format("02 15:04:05.000"))
			} else {
				q.Drop(text)
			}
		}
		time.Sleep(48 * time.Hour)
		stop()
		<-ended
		if !slices.Equal(got, want) || q.Len() != 0 {
			t.Errorf("came\n%q\nwant\n%q", got, want)
		}
	})
}

func BenchmarkSet(b *testing.B) {
	b.ReportAllocs()
	q := New()
	now := time.Now()
	for n := range b.N {
		q.Set(fmt.Sprint(n%10000), now.Add(time.Duration(n*7919%100000)*time.Second))
	}
}

// FuzzParse: whatever is taken for a time is one moment, also when it is written with its
// zone.
func FuzzParse(f *testing.F) {
	f.Add("2027-03-28T02:30", "Europe/Berlin")
	f.Add("2027-10-31T02:30:15", "America/St_Johns")
	f.Add("2027-03-28T02:30:59.7", "Europe/Berlin")
	f.Add("2027-03-28T15:04:00+01:00", "")
	f.Add("0000-01-01 00:00", "Pacific/Kiritimati")
	f.Fuzz(func(t *testing.T, text, zone string) {
		at, err := Parse(text, zone)
		if err != nil {
			return
		}
		again, err := Parse(at.UTC().Format(time.RFC3339Nano), zone)
		if err != nil || !again.Equal(at) {
			t.Errorf("%q in %q is %s, and written so %s, %v", text, zone, at, again, err)
		}
	})
}
