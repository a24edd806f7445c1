// Package storetest is what every implementation of guard.Store must do.
package storetest

import (
	"reflect"
	"testing"

	"tandem/telephony/guard"
)

// Run checks the stores that open makes; again opens the same one anew.
func Run(t *testing.T, open func(t *testing.T) (s guard.Store, again func() guard.Store)) {
	t.Run("kept", func(t *testing.T) {
		s, again := open(t)
		want := []guard.Limit{
			{Key: guard.Key{Level: guard.Default, Kind: "international"}, PerMinute: 3},
			{Key: guard.Key{Level: guard.User, Name: "sip:alice@example.com"}, Calls: 2, MinutesDay: 60, Closed: []string{"22:00-06:00"}},
		}
		for _, l := range want {
			if err := s.PutLimit(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		want[0].PerMinute = 4
		if err := s.PutLimit(t.Context(), want[0]); err != nil {
			t.Fatal(err)
		}
		if got := limits(t, s); !same(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got := limits(t, again()); !same(got, want) {
			t.Errorf("opened anew: %+v, want %+v", got, want)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		s, again := open(t)
		k := guard.Key{Level: guard.Trunk, Name: "berlin"}
		if err := s.PutLimit(t.Context(), guard.Limit{Key: k, Calls: 1}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // what is gone is no error
			if err := s.DeleteLimit(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		if got := limits(t, again()); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func limits(t *testing.T, s guard.Store) map[guard.Key]guard.Limit {
	t.Helper()
	all := make(map[guard.Key]guard.Limit)
	if err := s.Limits(t.Context(), func(l guard.Limit) { all[l.Key] = l }); err != nil {
		t.Fatal(err)
	}
	return all
}

func same(got map[guard.Key]guard.Limit, want []guard.Limit) bool {
	for _, w := range want {
		if !reflect.DeepEqual(got[w.Key], w) {
			return false
		}
	}
	return len(got) == len(want)
}
