// Package storetest is what every implementation of dialplan.Store must do.
package storetest

import (
	"slices"
	"testing"

	"tandem/telephony/dialplan"
)

// Run checks the stores that open makes; again opens the same one anew.
func Run(t *testing.T, open func(t *testing.T) (s dialplan.Store, again func() dialplan.Store)) {
	s, again := open(t)
	want := []dialplan.Rule{
		{Name: "a", Note: "for people", Site: "berlin", Priority: 7, Match: "9x.", Strip: 1, Prepend: "+49", Route: dialplan.Route{Kind: dialplan.Trunk, To: "gw"}},
		{Name: "b", Match: "*97", Route: dialplan.Route{Kind: dialplan.User, To: "sip:mail@example.com"}},
	}
	for _, r := range want {
		if err := s.PutRule(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want[1].Match = "*98"
	if err := s.PutRule(t.Context(), want[1]); err != nil {
		t.Fatal(err)
	}
	if got := rules(t, s); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	s = again()
	if got := rules(t, s); !slices.Equal(got, want) {
		t.Errorf("opened anew: %+v, want %+v", got, want)
	}
	for range 2 { // what is gone is no error
		if err := s.DeleteRule(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if got := rules(t, again()); !slices.Equal(got, want[1:]) {
		t.Errorf("%+v", got)
	}
}

func rules(t *testing.T, s dialplan.Store) (all []dialplan.Rule) {
	t.Helper()
	if err := s.Rules(t.Context(), func(r dialplan.Rule) { all = append(all, r) }); err != nil {
		t.Fatal(err)
	}
	return all
}
