package storetest

import (
	"net/http"
	"testing"
	"time"

	"tandem/cmd/tandem/api/idempotency"
)

// Idempotency checks an idempotency.Store.
func Idempotency(t *testing.T, open Open[idempotency.Store]) {
	run(t, open, map[string]func(*testing.T, idempotency.Store, func() idempotency.Store){
		"an answer survives": func(t *testing.T, s idempotency.Store, again func() idempotency.Store) {
			k := kept("a", 1)
			begun(t, s, k, nil)
			begun(t, s, k, &k)
			done := k
			done.Code, done.Header, done.Body = 201, http.Header{"Location": {"/x"}}, []byte(`{"password":"secret"}`)
			must(t, s.Finish(t.Context(), done))
			begun(t, again(), k, &done)
		},
		"an answer too large is known to be one": func(t *testing.T, s idempotency.Store, again func() idempotency.Store) {
			k := kept("a", 1)
			begun(t, s, k, nil)
			done := k
			done.Code, done.TooLarge = 200, true
			must(t, s.Finish(t.Context(), done))
			begun(t, again(), k, &done)
		},
		"keys are a caller's own": func(t *testing.T, s idempotency.Store, _ func() idempotency.Store) {
			a, b := kept("a", 1), kept("b", 1)
			begun(t, s, a, nil)
			begun(t, s, b, nil)
			must(t, s.Forget(t.Context(), "a", a.Key))
			begun(t, s, b, &b)
			begun(t, s, a, nil)
		},
		"the old are dropped": func(t *testing.T, s idempotency.Store, _ func() idempotency.Store) {
			for i := range 10 {
				begun(t, s, kept("a", i), nil)
			}
			for _, want := range []int{4, 3, 0} {
				n, err := s.Prune(t.Context(), day.Add(7*time.Second), 4)
				must(t, err)
				equal(t, "dropped", n, want)
			}
			begun(t, s, kept("a", 6), nil)
			k := kept("a", 7)
			begun(t, s, k, &k)
		},
	})
}

func kept(who string, i int) idempotency.Kept {
	return idempotency.Kept{Who: who, Key: name(i), Request: [32]byte{byte(i)}, Created: day.Add(time.Duration(i) * time.Second)}
}

func begun(t *testing.T, s idempotency.Store, k idempotency.Kept, want *idempotency.Kept) {
	t.Helper()
	before, err := s.Begin(t.Context(), k)
	must(t, err)
	switch {
	case before == nil && want == nil:
	case before == nil || want == nil:
		t.Fatalf("before %+v, want %+v", before, want)
	default:
		equal(t, "before", *before, *want)
	}
}
