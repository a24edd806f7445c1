// Package storetest checks implementations of contacts.Store: what one of them
// promises all do.
package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/contacts"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s contacts.Store, again func() contacts.Store)) {
	for name, check := range map[string]func(*testing.T, contacts.Store, func() contacts.Store){
		"documents survive":       documents,
		"changes are told":        changes,
		"old changes are left":    horizon,
		"a user is forgotten":     forgotten,
		"all of a usage are read": all,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

const alice, bob rtc.AOR = "sip:alice@example.com", "sip:bob@example.com"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func document(user rtc.AOR, usage, name string, version int64) contacts.Document {
	return contacts.Document{Key: contacts.Key{User: user, Usage: usage, Name: name}, Version: version, Changed: noon, Body: fmt.Appendf(nil, "<a>%d\xc3\xa4</a>", version)}
}

func put(t *testing.T, s contacts.Store, d contacts.Document, list ...contacts.Change) {
	t.Helper()
	if err := s.Put(t.Context(), d, list); err != nil {
		t.Fatal(err)
	}
}

func documents(t *testing.T, s contacts.Store, again func() contacts.Store) {
	a, b := document(alice, "resource-lists", "index", 2), document(alice, "pres-rules", "index", 3)
	put(t, s, document(alice, "resource-lists", "index", 1))
	put(t, s, a)
	put(t, s, b)
	put(t, s, document(bob, "resource-lists", "index", 4))
	s = again()
	if got, ok, err := s.Document(t.Context(), a.Key); err != nil || !ok || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	list, err := s.Documents(t.Context(), alice)
	a.Body, b.Body = nil, nil
	if err != nil || !reflect.DeepEqual(list, []contacts.Document{b, a}) {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Delete(t.Context(), a.Key, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := again().Document(t.Context(), a.Key); ok || err != nil {
		t.Errorf("after its end %v, %v", ok, err)
	}
}

func changes(t *testing.T, s contacts.Store, again func() contacts.Store) {
	d := document(alice, "resource-lists", "index", 1)
	put(t, s, d, contacts.Change{Version: 1, Kind: contacts.Added, Address: "sip:x@y"}, contacts.Change{Version: 1, Kind: contacts.Added, Address: "sip:z@y"})
	if err := s.Delete(t.Context(), d.Key, []contacts.Change{{Version: 2, Kind: contacts.Removed, Address: "sip:x@y"}}); err != nil {
		t.Fatal(err)
	}
	list, complete, err := again().Changes(t.Context(), alice, 1)
	if err != nil || complete != 0 || !reflect.DeepEqual(list, []contacts.Change{{Version: 2, Kind: contacts.Removed, Address: "sip:x@y"}}) {
		t.Errorf("%+v, %d, %v", list, complete, err)
	}
	if list, _, _ := s.Changes(t.Context(), bob, 0); len(list) != 0 {
		t.Errorf("bob's %+v", list)
	}
}

func horizon(t *testing.T, s contacts.Store, again func() contacts.Store) {
	const n = contacts.MaxChanges + 3*contacts.MoreChanges
	for v := int64(1); v <= n; v++ {
		put(t, s, document(alice, "resource-lists", "index", v), contacts.Change{Version: v, Kind: contacts.Changed, Address: "sip:x@y"})
	}
	list, complete, err := again().Changes(t.Context(), alice, 0)
	if err != nil || len(list) < contacts.MaxChanges || len(list) > contacts.MaxChanges+contacts.MoreChanges || complete != n-int64(len(list)) || list[0].Version != complete+1 {
		t.Errorf("%d changes, complete from %d, %v", len(list), complete, err)
	}
}

func forgotten(t *testing.T, s contacts.Store, again func() contacts.Store) {
	put(t, s, document(alice, "resource-lists", "index", 1), contacts.Change{Version: 1, Kind: contacts.Added, Address: "sip:x@y"})
	put(t, s, document(bob, "resource-lists", "index", 2))
	if err := s.Forget(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	s = again()
	list, _, _ := s.Changes(t.Context(), alice, 0)
	docs, _ := s.Documents(t.Context(), alice)
	others, _ := s.Documents(t.Context(), bob)
	if len(list) != 0 || len(docs) != 0 || len(others) != 1 {
		t.Errorf("left: %v %v; bob has %v", list, docs, others)
	}
}

func all(t *testing.T, s contacts.Store, again func() contacts.Store) {
	put(t, s, document(alice, "resource-lists", "index", 1))
	put(t, s, document(bob, "resource-lists", "index", 2))
	put(t, s, document(bob, "pres-rules", "index", 3))
	n := 0
	if err := again().All(t.Context(), "resource-lists", func(d contacts.Document) { n += int(d.Version) }); err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
}
