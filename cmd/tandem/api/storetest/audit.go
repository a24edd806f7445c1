package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"tandem/cmd/tandem/api/audit"
)

// Audit checks an audit.Store.
func Audit(t *testing.T, open Open[audit.Store]) {
	run(t, open, map[string]func(*testing.T, audit.Store, func() audit.Store){
		"all fields survive": func(t *testing.T, s audit.Store, again func() audit.Store) {
			r := row(1)
			r.Before = json.RawMessage(`{"a":"ä"}`)
			must(t, s.Begin(t.Context(), r))
			must(t, s.Begin(t.Context(), row(2)))
			must(t, s.Finish(t.Context(), 1, audit.Done, "", json.RawMessage(`{"b":1}`)))
			must(t, s.Finish(t.Context(), 2, audit.Failed, "no room", nil))
			r.Outcome, r.After = audit.Done, json.RawMessage(`{"b":1}`)
			second := row(2)
			second.Outcome, second.Why = audit.Failed, "no room"
			equal(t, "rows", rows(t, again(), audit.Query{Limit: 10}), []audit.Row{second, r})
		},
		"rows that are complete": func(t *testing.T, s audit.Store, again func() audit.Store) {
			r := row(1)
			r.Outcome, r.Why, r.Before, r.After = audit.Failed, "no room", json.RawMessage(`{"a":"ä"}`), json.RawMessage(`{"b":1}`)
			done := make(chan error, 1)
			must(t, s.Note(r, func(err error) { done <- err }))
			must(t, <-done)
			equal(t, "rows", rows(t, again(), audit.Query{Limit: 10}), []audit.Row{r})
		},
		"what is chosen": func(t *testing.T, s audit.Store, _ func() audit.Store) {
			for i := range 10 {
				r := row(int64(i + 1))
				r.Who = []string{"local:root", "token:a"}[i%2]
				r.Resource = []string{"users/a", "users/a/devices/x", "users/ab", "server", "users"}[i%5]
				must(t, s.Begin(t.Context(), r))
			}
			for _, c := range []struct {
				q    audit.Query
				want []int64
			}{
				{audit.Query{Limit: 3}, []int64{10, 9, 8}},
				{audit.Query{Limit: 3, Before: 8}, []int64{7, 6, 5}},
				{audit.Query{Limit: 30, Who: "token:a"}, []int64{10, 8, 6, 4, 2}},
				{audit.Query{Limit: 30, Resource: "users/a"}, []int64{7, 6, 2, 1}},
				{audit.Query{Limit: 30, Resource: "users"}, []int64{10, 8, 7, 6, 5, 3, 2, 1}},
				{audit.Query{Limit: 1, Resource: "users/a", Who: "local:root", Before: 7}, []int64{1}},
				{audit.Query{Limit: 30, Since: day.Add(8 * time.Second)}, []int64{10, 9, 8}},
			} {
				var got []int64
				for _, r := range rows(t, s, c.q) {
					got = append(got, r.ID)
				}
				equal(t, "rows", got, c.want)
			}
		},
		"what is open is interrupted": func(t *testing.T, s audit.Store, again func() audit.Store) {
			for i := range 4 {
				must(t, s.Begin(t.Context(), row(int64(i+1))))
			}
			must(t, s.Finish(t.Context(), 2, audit.Done, "", nil))
			s = again()
			n, err := s.Interrupt(t.Context())
			must(t, err)
			equal(t, "interrupted", n, 3)
			var got []audit.Outcome
			for _, r := range rows(t, s, audit.Query{Limit: 10}) {
				got = append(got, r.Outcome)
			}
			equal(t, "outcomes", got, []audit.Outcome{audit.Interrupted, audit.Interrupted, audit.Done, audit.Interrupted})
		},
		"the oldest are deleted": func(t *testing.T, s audit.Store, _ func() audit.Store) {
			for i := range 10 {
				must(t, s.Begin(t.Context(), row(int64(i+1))))
			}
			for _, want := range []int{4, 3, 0} {
				n, err := s.Prune(t.Context(), 8, 4)
				must(t, err)
				equal(t, "deleted", n, want)
			}
			equal(t, "left", len(rows(t, s, audit.Query{Limit: 100})), 3)
		},
	})
}

func row(id int64) audit.Row {
	return audit.Row{ID: id, Time: day.Add(time.Duration(id) * time.Second), Who: "local:root", Operation: "change-user", Resource: "users/a", Outcome: audit.Begun}
}

func rows(t *testing.T, s audit.Store, q audit.Query) []audit.Row {
	t.Helper()
	list, err := s.Rows(t.Context(), q)
	must(t, err)
	return list
}
