// Package storetest checks implementations of policy.Store: what one of them
// promises all do.
package storetest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"tandem/rtc/policy"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s policy.Store, again func() policy.Store)) {
	for name, check := range map[string]func(*testing.T, policy.Store, func() policy.Store){
		"all fields survive": fields,
		"put replaces":       replaces,
		"delete takes some":  deletes,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

// rules are what the store holds, by name, times in UTC.
func rules(t *testing.T, s policy.Store) (all []policy.Rule) {
	t.Helper()
	err := s.Rules(t.Context(), func(r policy.Rule) {
		if !r.Expires.IsZero() {
			r.Expires = r.Expires.UTC()
		}
		if !r.Changed.IsZero() {
			r.Changed = r.Changed.UTC()
		}
		all = append(all, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b policy.Rule) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func rule(name string) policy.Rule {
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	return policy.Rule{Key: policy.Key{Level: policy.Group, Name: name, Action: "call", Object: "+44*"}, Allow: true, Final: true,
		Expires: at, Reason: "für Köln", Changed: at.Add(-time.Hour), Author: "local:root"}
}

func put(t *testing.T, s policy.Store, list ...policy.Rule) {
	t.Helper()
	if err := s.PutRules(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func fields(t *testing.T, s policy.Store, again func() policy.Store) {
	want := []policy.Rule{{Key: policy.Key{Level: policy.Default, Action: "call", Kind: "premium"}}, rule("sales")}
	put(t, s, want...)
	if got := rules(t, again()); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func replaces(t *testing.T, s policy.Store, again func() policy.Store) {
	put(t, s, rule("sales"))
	next := policy.Rule{Key: rule("sales").Key}
	put(t, s, next)
	if got := rules(t, again()); !reflect.DeepEqual(got, []policy.Rule{next}) {
		t.Errorf("%+v", got)
	}
}

func deletes(t *testing.T, s policy.Store, again func() policy.Store) {
	var all []policy.Rule
	var keys []policy.Key
	for i := range 1500 {
		r := rule(fmt.Sprintf("g%04d", i))
		all = append(all, r)
		if i > 0 {
			keys = append(keys, r.Key)
		}
	}
	put(t, s, all...)
	if got := rules(t, again()); !reflect.DeepEqual(got, all) {
		t.Fatalf("%d rules", len(got))
	}
	s = again()
	if err := s.DeleteRules(t.Context(), append(keys, rule("nobody").Key)); err != nil {
		t.Fatal(err)
	}
	if got := rules(t, again()); !reflect.DeepEqual(got, all[:1]) {
		t.Errorf("%d rules are left", len(got))
	}
}
