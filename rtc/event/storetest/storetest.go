// Package storetest checks implementations of event.Store: what one of them
// promises all do.
package storetest

import (
	"reflect"
	"testing"
	"time"

	"tandem/rtc/event"
	"tandem/rtc/event/lists"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s event.Store, again func() event.Store)) {
	for name, check := range map[string]func(*testing.T, event.Store, func() event.Store){
		"all fields survive":  fields,
		"the later replaces":  replaces,
		"the deleted is gone": deletes,
		"the ended is gone":   ends,
		"runs are counted":    runs,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

// Full is a subscription with a value in every field.
func Full(row int64) event.Stored {
	return event.Stored{Row: row, Package: "presence", EventID: "7", Type: "application/pidf+xml", Resource: "sip:bob@example.com", Watcher: "sip:alice@example.com",
		Proved: true, Until: time.Now().Add(time.Hour).Truncate(time.Millisecond), Granted: time.Hour, Interval: 5 * time.Second, Longest: time.Minute, Adaptive: 20 * time.Second,
		CallID: "call", Local: "ours", Remote: "theirs", From: "<sip:bob@example.com>;tag=ours", To: `"Älice" <sip:alice@example.com>;tag=theirs`,
		Routes: "<sip:edge;lr>, <sip:inner;lr>", Target: "sip:alice@192.0.2.1:5070", Peer: "berlin", Flow: "udp 127.0.0.1:5060 192.0.2.1:5070", Secure: true, Secret: 1<<41 + 7,
		Base: 17, Has: 1<<64 - 1, RemoteSeq: 1<<31 - 1, Seq: 1041, Run: 3, List: "sip:friends@example.com", Members: []lists.Entry{{URI: "sip:carol@example.com", Name: "Carol"}, {URI: "sip:dave@example.com"}}}
}

func put(t *testing.T, s event.Store, list ...event.Stored) {
	t.Helper()
	for _, st := range list {
		wait(t, func(done func(error)) error { return s.Put(st, done) })
	}
}

func wait(t *testing.T, change func(func(error)) error) {
	t.Helper()
	done := make(chan error, 1)
	if err := change(func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s event.Store) map[int64]event.Stored {
	t.Helper()
	all := make(map[int64]event.Stored)
	if err := s.Load(t.Context(), func(st event.Stored) { all[st.Row] = st }); err != nil {
		t.Fatal(err)
	}
	return all
}

func fields(t *testing.T, s event.Store, again func() event.Store) {
	want := Full(1)
	plain := event.Stored{Row: 2, Package: "reg", Until: want.Until}
	put(t, s, want, plain)
	all := load(t, again())
	for _, w := range []event.Stored{want, plain} {
		got := all[w.Row]
		if !got.Until.Equal(w.Until) {
			t.Errorf("until %v, want %v", got.Until, w.Until)
		}
		got.Until = w.Until
		if !reflect.DeepEqual(got, w) {
			t.Errorf("\n got %+v\nwant %+v", got, w)
		}
	}
}

func replaces(t *testing.T, s event.Store, again func() event.Store) {
	st := Full(1)
	put(t, s, st)
	st.Seq, st.Target = 9999, "sip:elsewhere"
	put(t, s, st)
	if got := load(t, again()); len(got) != 1 || got[1].Seq != 9999 || got[1].Target != "sip:elsewhere" {
		t.Errorf("%+v", got)
	}
}

func deletes(t *testing.T, s event.Store, again func() event.Store) {
	put(t, s, Full(1), Full(2))
	wait(t, func(done func(error)) error { return s.Delete(1, done) })
	wait(t, func(done func(error)) error { return s.Delete(99, done) })
	if got := load(t, again()); len(got) != 1 || got[2].Row != 2 {
		t.Errorf("%+v", got)
	}
}

func ends(t *testing.T, s event.Store, again func() event.Store) {
	var list []event.Stored
	for i := range 1005 { // more than one transaction deletes
		st := Full(int64(i))
		st.Until = time.Now().Add(-time.Second)
		list = append(list, st)
	}
	put(t, s, append(list, Full(5000))...)
	if got := load(t, again()); len(got) != 1 {
		t.Errorf("%d are left", len(got))
	}
}

func runs(t *testing.T, s event.Store, again func() event.Store) {
	for want := uint32(1); want <= 3; want++ {
		if run, err := s.Begin(t.Context()); err != nil || run != want {
			t.Errorf("run %d, %v; want %d", run, err, want)
		}
		s = again()
	}
}
