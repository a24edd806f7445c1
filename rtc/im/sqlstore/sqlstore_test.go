package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/im/storetest"
	"tandem/rtc/store"
	"tandem/rtc/store/killtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killtest.Path); path != "" {
		write(path)
		return
	}
	os.Exit(m.Run())
}

func openAt(path string) (*store.DB, error) {
	return store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations)
}

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
		if db, err = openAt(path); err != nil {
			t.Fatal(err)
		}
		return New(db)
	}
	s = again()
	t.Cleanup(func() { _ = db.Close() })
	return s, again
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (kept.Store, func() kept.Store) {
		s, again := open(t)
		return s, func() kept.Store { return again() }
	})
}

func message(n int) kept.Message {
	now := time.Now()
	return kept.Message{ID: int64(n), To: rtc.AOR(fmt.Sprint("sip:u", n%1000, "@example.com")), From: rtc.AOR(fmt.Sprint("sip:s", n%500, "@example.com")),
		Key: fmt.Sprint("tag call-", n, " 1"), Arrived: now, Expires: now.Add(time.Hour), Hops: 69, Waiting: []string{kept.Anyone},
		Text: fmt.Appendf(nil, "From: <sip:s%d@example.com>;tag=1\r\nTo: <sip:u%d@example.com>\r\nCall-ID: call-%d\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", n%500, n%1000, n)}
}

// write puts messages for ever and prints the number of each that is on disk.
func write(path string) {
	db, err := openAt(path)
	if err != nil {
		panic(err)
	}
	s := New(db)
	from, _ := strconv.Atoi(os.Getenv(killtest.From))
	window := make(chan struct{}, 500)
	for n := from; ; n++ {
		window <- struct{}{}
		if err := s.Put(message(n), func(err error) {
			if err == nil {
				fmt.Println(n)
			}
			<-window
		}); err != nil {
			panic(err)
		}
	}
}

// What was acknowledged is there after kill -9, once.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	from, acked := 1, map[int64]bool{}
	for range 3 {
		list := killtest.Writer(t, path, from, 2000)
		for _, n := range list {
			acked[int64(n)] = true
		}
		from = list[len(list)-1] + 1000
	}
	db, err := openAt(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := New(db).Index(t.Context(), func(m kept.Message, _ int) { delete(acked, m.ID) }); err != nil || len(acked) > 0 {
		t.Errorf("%d acknowledged messages are missing, %v", len(acked), err)
	}
}

// BenchmarkPut: a message kept, durable.
func BenchmarkPut(b *testing.B) {
	s, _ := open(b)
	window := make(chan struct{}, 2000)
	start := time.Now()
	for n := range b.N {
		window <- struct{}{}
		if err := s.Put(message(n), func(err error) {
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
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "messages/s")
}
