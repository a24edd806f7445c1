// Package storetest checks implementations of presence.Store: what one of them
// promises all do.
package storetest

import (
	"reflect"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/presence"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s presence.Store, again func() presence.Store)) {
	for name, check := range map[string]func(*testing.T, presence.Store, func() presence.Store){
		"publications": publications,
		"status":       status,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
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

func publications(t *testing.T, s presence.Store, again func() presence.Store) {
	noon := time.Now().Truncate(time.Millisecond)
	full := presence.Stored{ID: "1", Owner: "sip:bob@example.com", Type: "application/pidf+xml", Body: []byte("<presence/>"), From: "phone/1",
		Flow: "udp 127.0.0.1:5060 192.0.2.1:5060", Since: noon, Until: noon.Add(time.Hour), Count: 7}
	gone, ended := full, full
	gone.ID, ended.ID, ended.Until = "2", "3", noon.Add(-time.Second)
	for _, p := range []presence.Stored{full, gone, ended} {
		wait(t, func(done func(error)) error { return s.Put(p, done) })
	}
	full.Count, full.Body = 8, []byte("<other/>")
	wait(t, func(done func(error)) error { return s.Put(full, done) })
	wait(t, func(done func(error)) error { return s.Delete("2", done) })
	var got []presence.Stored
	if err := again().Load(t.Context(), func(p presence.Stored) { got = append(got, p) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !got[0].Since.Equal(full.Since) || !got[0].Until.Equal(full.Until) {
		t.Fatalf("%+v", got)
	}
	got[0].Since, got[0].Until = full.Since, full.Until
	if !reflect.DeepEqual(got[0], full) {
		t.Errorf("\n got %+v\nwant %+v", got[0], full)
	}
}

func status(t *testing.T, s presence.Store, again func() presence.Store) {
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	put := func(user rtc.AOR, source string, m presence.Manual) {
		t.Helper()
		if err := s.PutStatus(t.Context(), user, source, m); err != nil {
			t.Fatal(err)
		}
	}
	put("sip:bob@example.com", "manual", presence.Manual{Activity: "away"})
	put("sip:bob@example.com", "manual", presence.Manual{Activity: "busy", Note: "ünder way"})
	put("sip:bob@example.com", "calendar", presence.Manual{Activity: "meeting", Until: until})
	put("sip:carol@example.com", "manual", presence.Manual{Activity: "away"})
	put("sip:carol@example.com", "manual", presence.Manual{})
	n := 0
	err := again().LoadStatus(t.Context(), func(user rtc.AOR, source string, m presence.Manual) {
		n++
		switch {
		case user != "sip:bob@example.com":
			t.Errorf("%s has %+v", user, m)
		case source == "manual" && m != presence.Manual{Activity: "busy", Note: "ünder way"}:
			t.Errorf("%+v", m)
		case source == "calendar" && (m.Activity != "meeting" || !m.Until.Equal(until)):
			t.Errorf("%+v", m)
		}
	})
	if err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
}
