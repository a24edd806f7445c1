package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/telephony/cdr"
	"tandem/telephony/cdr/storetest"
)

func open(t testing.TB) (s *Store, again func() *Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	var db *store.DB
	again = func() *Store {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if db, err = store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations); err != nil {
			t.Fatal(err)
		}
		return New(db)
	}
	s = again()
	t.Cleanup(func() { _ = db.Close() })
	return s, again
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (cdr.Store, func() cdr.Store) {
		s, again := open(t)
		return s, func() cdr.Store { return again() }
	})
}

// The record of a call is written twice, when it begins and when it ends.
func BenchmarkPut(b *testing.B) {
	s, _ := open(b)
	window := make(chan struct{}, 1000)
	r := cdr.Record{State: cdr.Open, From: "sip:alice@example.com", To: "+49301234567", Number: "+49301234567", Started: time.Now()}
	for n := range b.N {
		window <- struct{}{}
		r.ID, r.From = time.Duration(n).String(), rtc.AOR("sip:"+time.Duration(n%1000).String()+"@example.com")
		if err := s.Put(r, func(err error) {
			if err != nil {
				b.Error(err)
			}
			<-window
		}); err != nil {
			b.Fatal(err)
		}
	}
	for range cap(window) {
		window <- struct{}{}
	}
}
