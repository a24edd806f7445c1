// Package storetest checks implementations of the stores of the API: what one of
// them promises, the one in memory and the one on disk, all do.
package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"tandem/cmd/tandem/api/access"
)

// Open gives an empty store and a function that closes it and opens it again with
// what it kept.
type Open[S any] func(t *testing.T) (s S, again func() S)

// run runs checks, each on a store of its own.
func run[S any](t *testing.T, open Open[S], checks map[string]func(*testing.T, S, func() S)) {
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

var day = time.UnixMilli(1_777_777_777_123)

// Tokens checks an access.Store.
func Tokens(t *testing.T, open Open[access.Store]) {
	run(t, open, map[string]func(*testing.T, access.Store, func() access.Store){
		"all fields survive": func(t *testing.T, s access.Store, again func() access.Store) {
			a := access.Token{Name: "a", Hash: [32]byte{1, 2, 3}, Scopes: access.Scopes{"users:read", access.Admin}, By: "local:root",
				Created: day, Expires: day.Add(time.Hour), LastUsed: day.Add(time.Minute)}
			b := access.Token{Name: "b", Hash: [32]byte{4}, Scopes: access.Scopes{"messages:write"}, User: "sip:alice@example.com", By: "token:a", Created: day}
			must(t, s.PutToken(t.Context(), a))
			must(t, s.PutToken(t.Context(), b))
			equal(t, "kept", tokens(t, again()), map[string]access.Token{"a": a, "b": b})
		},
		"put replaces, delete forgets": func(t *testing.T, s access.Store, again func() access.Store) {
			a := access.Token{Name: "a", Hash: [32]byte{1}, Scopes: access.Scopes{"users:read"}, Created: day}
			must(t, s.PutToken(t.Context(), a))
			a.LastUsed = day
			must(t, s.PutToken(t.Context(), a))
			must(t, s.PutToken(t.Context(), access.Token{Name: "b", Hash: [32]byte{2}, Created: day}))
			must(t, s.DeleteToken(t.Context(), "b"))
			must(t, s.DeleteToken(t.Context(), "never there"))
			equal(t, "kept", tokens(t, again()), map[string]access.Token{"a": a})
		},
	})
}

func tokens(t *testing.T, s access.Store) map[string]access.Token {
	t.Helper()
	all := map[string]access.Token{}
	must(t, s.Tokens(t.Context(), func(x access.Token) {
		if _, twice := all[x.Name]; twice {
			t.Errorf("%s comes twice", x.Name)
		}
		all[x.Name] = x
	}))
	return all
}

func name(i int) string { return fmt.Sprintf("n%03d", i) }
