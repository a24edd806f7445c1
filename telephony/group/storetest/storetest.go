// Package storetest checks implementations of group.Store: what one of them
// promises all do.
package storetest

import (
	"reflect"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/telephony/group"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s group.Store, again func() group.Store)) {
	t.Run("all fields survive", func(t *testing.T) {
		s, again := open(t)
		want := full("sip:sales@example.com")
		for i := range reflect.TypeFor[group.Group]().NumField() {
			if reflect.ValueOf(want).Field(i).IsZero() {
				t.Fatalf("%s has no value in this test", reflect.TypeFor[group.Group]().Field(i).Name)
			}
		}
		put(t, s, want)
		check(t, s, want)
		check(t, again(), want)
	})
	t.Run("put replaces, delete takes one", func(t *testing.T) {
		s, again := open(t)
		other := group.Group{AOR: "sip:help@example.com", Hunt: group.Parallel}
		put(t, s, full("sip:sales@example.com"), full("sip:help@example.com"), other)
		for _, aor := range []rtc.AOR{"sip:sales@example.com", "sip:nobody@example.com"} {
			if err := s.DeleteGroup(t.Context(), aor); err != nil {
				t.Error(err)
			}
		}
		check(t, again(), other)
	})
}

// full has a value in every field.
func full(aor rtc.AOR) group.Group {
	return group.Group{AOR: aor, Note: "Verkauf München", Numbers: []string{"+4930123", "200"}, Members: []string{"alice", "01711234567"},
		Hunt: group.Sequence, RingTime: 10 * time.Second, Overflow: "bob", Payer: "sip:boss@example.com"}
}

func put(t *testing.T, s group.Store, list ...group.Group) {
	t.Helper()
	for _, g := range list {
		if err := s.PutGroup(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, s group.Store, want ...group.Group) {
	t.Helper()
	var got []group.Group
	if err := s.Groups(t.Context(), func(g group.Group) { got = append(got, g) }); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
