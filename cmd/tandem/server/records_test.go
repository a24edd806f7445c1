package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tandem/telephony/cdr"
	"tandem/telephony/guard"
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

// What was called today counts after a restart, also calls during which the server ended,
// and also for a limit that is set only then.
func TestTodayCountsAfterARestart(t *testing.T) {
	inTime(t, func(w *world) {
		time.Sleep(2 * time.Hour)
		for state, talked := range map[cdr.State]time.Duration{cdr.Completed: 10 * time.Minute, cdr.Interrupted: 20 * time.Minute, cdr.Open: 40 * time.Minute, cdr.Failed: 0} {
			now := time.Now()
			r := cdr.Record{ID: string(state), State: state, Kind: "national", Payer: "sip:alice@time.test", Trunk: "gw", Started: now.Add(-time.Hour)}
			if talked > 0 {
				r.Answered = now.Add(-talked)
			}
			if state != cdr.Open {
				r.Ended = now
			}
			done := make(chan error, 1)
			if err := w.s.records.Put(r, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		w.open()
		k := guard.Key{Level: guard.User, Name: "sip:alice@time.test"}
		if err := w.s.dialling.guard.Set(w.t.Context(), guard.Limit{Key: k, MinutesDay: 60}); err != nil {
			t.Fatal(err)
		}
		if used := w.s.dialling.guard.Used(k, k.Name); used.Minutes < 70 || used.Minutes > 72 {
			t.Errorf("%+v, want 70 minutes", used)
		}
	})
}
