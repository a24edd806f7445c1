// Package storetest checks implementations of consent.Store.
package storetest

import (
	"reflect"
	"testing"

	"tandem/rtc"
	"tandem/rtc/policy/consent"
)

// Run checks a Store. open gives an empty one and a function that opens it again
// with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s consent.Store, again func() consent.Store)) {
	s, again := open(t)
	bob := []consent.Rule{{Kind: consent.User, Name: "sip:alice@example.com", Action: consent.Block}, {Kind: consent.Everyone, Action: consent.Allow}}
	carol := []consent.Rule{{Kind: consent.Domain, Name: "example.org", Action: consent.PoliteBlock}}
	put := func(owner rtc.AOR, rules []consent.Rule) {
		t.Helper()
		if err := s.Put(t.Context(), owner, rules); err != nil {
			t.Fatal(err)
		}
	}
	put("sip:bob@example.com", carol)
	put("sip:bob@example.com", bob)
	put("sip:carol@example.com", carol)
	put("sip:dave@example.com", carol)
	put("sip:dave@example.com", nil)
	got := make(map[rtc.AOR][]consent.Rule)
	if err := again().Load(t.Context(), func(a rtc.AOR, rules []consent.Rule) { got[a] = rules }); err != nil {
		t.Fatal(err)
	}
	if want := map[rtc.AOR][]consent.Rule{"sip:bob@example.com": bob, "sip:carol@example.com": carol}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
