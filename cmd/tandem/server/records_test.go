package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/media/relay/memnet"
	"tandem/telephony/cdr"
)

// Records leave when they are older than telephony.keep_records; calls under way stay.
func TestRecordsAreKeptForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"example.com"}, t.TempDir(), ""
		cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0"}}
		cfg.Telephony.KeepRecords = 24 * time.Hour
		s, err := New(t.Context(), cfg, Options{Network: memnet.New()})
		if err != nil {
			t.Fatal(err)
		}
		put := func(id string, state cdr.State, age time.Duration) {
			t.Helper()
			done := make(chan error, 1)
			if err := s.records.Put(cdr.Record{ID: id, State: state, Started: time.Now().Add(-age)}, func(err error) { done <- err }); err != nil {
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
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.pruneRecords(ctx) }()
		for after, want := range []string{"new soon old long", "new long"} {
			time.Sleep(time.Duration(after) * pruneEvery)
			synctest.Wait()
			list, err := s.records.List(t.Context(), cdr.Query{})
			got := ""
			for _, r := range list {
				got += " " + r.ID
			}
			if err != nil || got != " "+want {
				t.Errorf("after %d hours:%s, %v; want %s", after, got, err, want)
			}
		}
		stop()
		if err := errors.Join(<-ended, s.transport.Run(ctx), s.close()); err != nil { // the second closes the sockets
			t.Error(err)
		}
	})
}
