package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		patterns, kind string
		want           bool
	}{
		{"", "user.changed", true},
		{"*", "user.changed", true},
		{"user.*", "user.changed", true},
		{"user.*", "users.imported", false},
		{"user.changed", "user.changed", true},
		{"user.change", "user.changed", false},
		{"call.* user.added", "user.changed", false},
	} {
		if got := Matches(strings.Fields(c.patterns), c.kind); got != c.want {
			t.Errorf("%q and %s: %t", c.patterns, c.kind, got)
		}
	}
}

func publish(r *Ring, n int) {
	for i := range n {
		r.Publish(r.Stamp(Event{Type: "t", Data: json.RawMessage(fmt.Sprint(i))}))
	}
}

func next(t *testing.T, r *Reader) (data string, missed bool, marks []string) {
	t.Helper()
	list, missed, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		data += string(e.Data)
		marks = append(marks, e.Mark)
	}
	return data, missed, marks
}

// A reader goes on where it was, and learns when the ring has lost what it has not
// read, or is another run's.
func TestFollow(t *testing.T) {
	r := New(5, 1<<20)
	publish(r, 3)
	fresh := r.Follow("")
	first := r.Follow(r.run + ".0")
	data, missed, marks := next(t, first)
	if data != "012" || missed {
		t.Fatalf("%q, missed %t", data, missed)
	}
	if data, missed, _ := next(t, r.Follow(marks[0])); data != "12" || missed {
		t.Errorf("after the first: %q, missed %t", data, missed)
	}
	publish(r, 2)
	if data, missed, _ := next(t, fresh); data != "01" || missed {
		t.Errorf("what is new: %q, missed %t", data, missed)
	}
	publish(r, 4)
	if data, missed, _ := next(t, first); data != "10123" || !missed {
		t.Errorf("too late: %q, missed %t", data, missed)
	}
	for _, mark := range []string{"another.1", r.run + ".99", r.run + ".x", "nonsense"} {
		if data, missed, _ := next(t, r.Follow(mark)); data != "10123" || !missed {
			t.Errorf("mark %s: %q, missed %t", mark, data, missed)
		}
	}
}

func TestRingIsBounded(t *testing.T) {
	r := New(1000, 10_000)
	big := json.RawMessage(strings.Repeat("1", 4000))
	for range 100 {
		r.Publish(r.Stamp(Event{Data: big}))
	}
	if r.count != 2 || r.octets > 10_000 {
		t.Errorf("%d events of %d octets", r.count, r.octets)
	}
	r.Publish(Event{Data: json.RawMessage(strings.Repeat("1", 40_000))})
	if r.count != 1 {
		t.Errorf("%d events beside one that is too large", r.count)
	}
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(10, 1<<20)
		f := r.Follow("")
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, _, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing came: %v", err)
		}
		time.AfterFunc(time.Minute, func() { publish(r, 1) })
		begun := time.Now()
		if data, _, _ := next(t, f); data != "0" || time.Since(begun) != time.Minute {
			t.Errorf("%q after %s", data, time.Since(begun))
		}
	})
}

// Many write and read at a time; each reader sees every event once, in order.
func TestConcurrentReaders(t *testing.T) {
	r := New(10_000, 64<<20)
	var wg sync.WaitGroup
	var readers []*Reader
	for range 4 {
		readers = append(readers, r.Follow(""))
	}
	for _, f := range readers {
		wg.Go(func() {
			last, seen := "", 0
			for seen < 4000 {
				list, missed, err := f.Next(t.Context())
				if err != nil || missed {
					t.Errorf("missed %t, %v", missed, err)
					return
				}
				for _, e := range list {
					if len(e.Mark) < len(last) || len(e.Mark) == len(last) && e.Mark <= last {
						t.Errorf("%s after %s", e.Mark, last)
					}
					last = e.Mark
					seen++
				}
			}
		})
		wg.Go(func() { publish(r, 1000) })
	}
	wg.Wait()
}

// Settling changes nothing of what readers are told, and what events were made of is let
// go. Events that come meanwhile stay.
func TestSettle(t *testing.T) {
	r := New(4, 1<<20)
	made := 0
	late := func(n int) Event {
		return Event{Type: "call.ended", Resource: fmt.Sprint("call-records/", n), Later: func() json.RawMessage {
			made++
			if made == 1 { // two are told while the first is made: the oldest leaves
				r.Publish(r.Stamp(Event{Type: "a", Resource: "b"}))
				r.Publish(r.Stamp(Event{Type: "c", Resource: "d"}))
			}
			return json.RawMessage(fmt.Sprint(n))
		}}
	}
	var want []Event
	for n := range 3 {
		e := r.Stamp(late(n))
		r.Publish(e)
		want = append(want, e)
	}
	r.Settle()
	if r.count != 4 || made != 3 {
		t.Fatalf("%d events are kept, %d were made", r.count, made)
	}
	octets := 0
	for i := range r.count {
		e := r.at(i)
		if octets += e.size(); e.Later != nil {
			t.Errorf("event %d is not made", i)
		}
		if i < 2 && (e.ID != want[i+1].ID || e.Type != want[i+1].Type || e.Resource != want[i+1].Resource || string(e.Data) != fmt.Sprint(i+1)) {
			t.Errorf("event %d is %+v", i, *e)
		}
	}
	if octets != r.octets {
		t.Errorf("%d octets are counted, there are %d", r.octets, octets)
	}
}
