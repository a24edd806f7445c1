package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tandem/telephony/cdr"
)

// Records leave when they are older than telephony.keep_records; calls under way stay.
func TestRecordsAreKeptForATime(t *testing.T) {
	inTime(t, func(w *world) {
		w.s.begun.Telephony.KeepRecords = 24 * time.Hour
		put := func(id string, s cdr.State, age time.Duration) {
			t.Helper()
			done := make(chan error, 1)
			if err := w.s.records.Put(cdr.Record{ID: id, State: s, Started: time.Now().Add(-age)}, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		put("old", cdr.Completed, 25*time.Hour)
		put("soon old", cdr.Failed, 24*time.Hour-pruneEvery/2)
		put("long", cdr.Open, 30*time.Hour)
		put("new", cdr.Completed, 0)
		ctx, stop := context.WithCancel(w.t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.s.pruneRecords(ctx) }()
		for after, want := range []string{"new soon old long", "new long"} {
			time.Sleep(time.Duration(after) * pruneEvery)
			synctest.Wait()
			list, err := w.s.records.List(w.t.Context(), cdr.Query{})
			got := ""
			for _, r := range list {
				got += " " + r.ID
			}
			if err != nil || got != " "+want {
				t.Errorf("after %d hours:%s, %v; want %s", after, got, err, want)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
