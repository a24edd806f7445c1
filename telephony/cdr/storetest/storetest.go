// Package storetest checks implementations of cdr.Store: what one of them
// promises all do.
package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/telephony/cdr"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s cdr.Store, again func() cdr.Store)) {
	for name, check := range map[string]func(*testing.T, cdr.Store, func() cdr.Store){
		"all fields survive":      fields,
		"the end replaces":        replaces,
		"open ones are ended":     interrupted,
		"a query selects":         selects,
		"what is not there":       missing,
		"a list ends at its most": bounded,
		"each is told once":       each,
		"old ones are deleted":    pruned,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// full has a value in every field.
func full(id string) cdr.Record {
	return cdr.Record{
		ID: id, State: cdr.Completed, From: "sip:alice@example.com", Display: "Älice", To: "030 1234567", Number: "+49301234567",
		Called: "sip:bob@example.com", Payer: "sip:alice@example.com", Kind: "national", Trunk: "berlin",
		Story:   []cdr.Step{{At: time.UnixMilli(1_700_000_001_000).UTC(), What: cdr.CallerReached, Who: "sip:alice@example.com"}},
		Tried:   []cdr.Try{{Trunk: "bonn", URI: "sip:+49301234567@192.0.2.1", CallID: "x", Code: 503, Cause: 34, Text: "no channel", Began: noon, Ended: noon.Add(time.Second)}, {Trunk: "berlin", URI: "sip:+49301234567@192.0.2.2", CallID: "y", Code: 200}},
		Started: noon, Ringing: noon.Add(time.Second), Answered: noon.Add(2 * time.Second), Ended: noon.Add(time.Minute),
		Held: 5 * time.Second, EndedBy: "callee", Code: 200, Cause: 16, Text: "ok", CallIDs: [2]string{"a", "y"},
		Sides: [2]cdr.Sound{{Codec: "opus/48000", Packets: 3000, Lost: 2, Jitter: 1.5, MOS: 4.3}, {Codec: "PCMU/8000", Packets: 2900}},
	}
}

func put(t *testing.T, s cdr.Store, list ...cdr.Record) {
	t.Helper()
	for _, r := range list {
		done := make(chan error, 1)
		if err := s.Put(r, func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func ids(t *testing.T, s cdr.Store, q cdr.Query) string {
	t.Helper()
	list, err := s.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, r := range list {
		out += r.ID
	}
	return out
}

func fields(t *testing.T, s cdr.Store, again func() cdr.Store) {
	want := full("1")
	put(t, s, want)
	got, ok, err := again().Record(t.Context(), "1")
	if err != nil || !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v\n got %+v\nwant %+v", ok, err, got, want)
	}
}

func replaces(t *testing.T, s cdr.Store, again func() cdr.Store) {
	r := cdr.Record{ID: "1", State: cdr.Open, Started: noon}
	put(t, s, r, full("1"))
	if got := ids(t, again(), cdr.Query{State: cdr.Open}); got != "" {
		t.Errorf("%s is still open", got)
	}
}

func interrupted(t *testing.T, s cdr.Store, again func() cdr.Store) {
	const open = 1003 // more than one transaction takes
	for i := range open {
		put(t, s, cdr.Record{ID: fmt.Sprint("o", i), State: cdr.Open, Started: noon})
	}
	put(t, s, full("1"))
	s = again()
	if n, err := s.Interrupt(t.Context(), noon.Add(time.Hour)); n != open || err != nil {
		t.Fatalf("%d interrupted, %v; want %d", n, err, open)
	}
	if n, err := s.Interrupt(t.Context(), noon.Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("again %d, %v", n, err)
	}
	r, _, _ := s.Record(t.Context(), "o7")
	if r.State != cdr.Interrupted || !r.Ended.Equal(noon.Add(time.Hour)) {
		t.Errorf("%s, ended %s", r.State, r.Ended)
	}
	if r, _, _ = s.Record(t.Context(), "1"); r.State != cdr.Completed {
		t.Errorf("the completed call is %s", r.State)
	}
}

func selects(t *testing.T, s cdr.Store, again func() cdr.Store) {
	at := func(id string, minute int, from, called rtc.AOR, trunk string) cdr.Record {
		return cdr.Record{ID: id, State: cdr.Failed, From: from, Called: called, Trunk: trunk, Started: noon.Add(time.Duration(minute) * time.Minute)}
	}
	put(t, s, at("a", 1, "sip:alice@x", "sip:bob@x", ""), at("b", 2, "sip:bob@x", "sip:alice@x", ""),
		at("c", 3, "sip:alice@x", "sip:alice@x", ""), at("d", 4, "sip:bob@x", "", "berlin"), at("e", 5, "tel:+49", "sip:bob@x", "berlin"))
	s = again()
	for _, c := range []struct {
		q    cdr.Query
		want string
	}{
		{cdr.Query{}, "edcba"},
		{cdr.Query{User: "sip:alice@x"}, "cba"},
		{cdr.Query{User: "sip:bob@x", Trunk: "berlin"}, "ed"},
		{cdr.Query{Trunk: "berlin"}, "ed"},
		{cdr.Query{After: noon.Add(2 * time.Minute), Before: noon.Add(4 * time.Minute)}, "cb"},
		{cdr.Query{State: cdr.Open}, ""},
		{cdr.Query{Limit: 2}, "ed"},
		{cdr.Query{User: "sip:alice@x", Limit: 1}, "c"},
	} {
		if got := ids(t, s, c.q); got != c.want {
			t.Errorf("%+v: %s, want %s", c.q, got, c.want)
		}
	}
}

func missing(t *testing.T, s cdr.Store, _ func() cdr.Store) {
	if _, ok, err := s.Record(t.Context(), "none"); ok || err != nil {
		t.Errorf("found %v, %v", ok, err)
	}
}

func bounded(t *testing.T, s cdr.Store, _ func() cdr.Store) {
	for i := range 150 {
		put(t, s, cdr.Record{ID: fmt.Sprint(i), State: cdr.Failed, Started: noon})
	}
	list, err := s.List(t.Context(), cdr.Query{})
	if err != nil || len(list) != 100 {
		t.Errorf("%d records, %v", len(list), err)
	}
}

// each: more records than a page has, many of which began at the same time.
func each(t *testing.T, s cdr.Store, again func() cdr.Store) {
	const n = 2500
	var left atomic.Int64
	left.Store(n)
	all := make(chan struct{})
	for i := range n {
		r := cdr.Record{ID: fmt.Sprintf("%05d", i), State: cdr.Completed, From: rtc.AOR(fmt.Sprint("sip:u", i%5, "@example.com")), To: "x",
			Started: noon.Add(time.Duration(i/700) * time.Second)}
		if err := s.Put(r, func(err error) {
			if err != nil {
				t.Error(err)
			}
			if left.Add(-1) == 0 {
				close(all)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	<-all
	s = again()
	for _, c := range []struct {
		q    cdr.Query
		want int
	}{
		{cdr.Query{Limit: 1}, n},
		{cdr.Query{User: "sip:u3@example.com"}, n / 5},
		{cdr.Query{After: noon.Add(time.Second)}, n - 700},
		{cdr.Query{Before: noon.Add(time.Second)}, 700},
		{cdr.Query{Trunk: "none"}, 0},
	} {
		seen, last := map[string]bool{}, ""
		if err := s.Each(t.Context(), c.q, func(r *cdr.Record) error {
			if r.ID <= last {
				t.Fatalf("%s comes after %s", r.ID, last)
			}
			last = r.ID
			seen[r.ID] = true
			return nil
		}); err != nil || len(seen) != c.want {
			t.Errorf("%+v: %d records, %v; want %d", c.q, len(seen), err, c.want)
		}
	}
	told := 0
	enough := errors.New("enough")
	if err := s.Each(t.Context(), cdr.Query{}, func(*cdr.Record) error { told++; return enough }); !errors.Is(err, enough) || told != 1 {
		t.Errorf("%v after %d", err, told)
	}
}

func pruned(t *testing.T, s cdr.Store, again func() cdr.Store) {
	put(t, s, cdr.Record{ID: "old", State: cdr.Completed, Started: noon}, cdr.Record{ID: "on", State: cdr.Open, Started: noon},
		cdr.Record{ID: "new", State: cdr.Failed, Started: noon.Add(time.Hour)})
	if n, err := s.Prune(t.Context(), noon.Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	list, err := again().List(t.Context(), cdr.Query{})
	if err != nil || len(list) != 2 || list[0].ID != "new" || list[1].ID != "on" {
		t.Errorf("%+v, %v", list, err)
	}
}
