package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/internal/rig"
	"tandem/rtc/store"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// everybody is a user.
type everybody struct{}

func (everybody) Ours([]byte, uint16) bool          { return true }
func (everybody) Resolve(a rtc.AOR) (rtc.AOR, bool) { return a, true }

// kept are so many subscriptions as phones make them, fifty to a resource, on disk.
func kept(b *testing.B, n int) *Store {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(context.Background(), "sqlite://"+filepath.Join(b.TempDir(), "t.db"), log, Migrations)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	s := New(db, log)
	var all sync.WaitGroup
	for i := range n {
		watcher, resource := rtc.AOR(fmt.Sprintf("sip:w%d@bench.test", i%1000)), rtc.AOR(fmt.Sprintf("sip:u%d@bench.test", i/50))
		st := event.Stored{Row: int64(i + 1), Package: "presence", Type: "application/pidf+xml", Resource: resource, Watcher: watcher, Proved: true,
			Until: time.Now().Add(2 * time.Hour), Granted: time.Hour, CallID: fmt.Sprintf("s%d-3@bench", i), Local: fmt.Sprintf("tag%020d", i), Remote: fmt.Sprintf("w%d", i),
			Target: fmt.Sprintf("sip:w%d@127.0.0.1:20000", i%1000), Flow: "udp 127.0.0.1:5060 127.0.0.1:20000", RemoteSeq: 3, Seq: 1024, Run: 1}
		st.From, st.To = fmt.Sprintf("<%s>;tag=%s", resource, st.Local), fmt.Sprintf("<%s>;tag=%s", watcher, st.Remote)
		all.Add(1)
		for s.Put(st, func(error) { all.Done() }) != nil {
			time.Sleep(time.Millisecond)
		}
	}
	all.Wait()
	return s
}

func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report has a benchmark tell the processor time of one of n subscriptions.
func report(b *testing.B, n int, f func()) {
	b.Helper()
	b.ReportAllocs()
	runtime.GC()
	before := spent()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(spent()-before)/float64(b.N*n), "cpu-ns/subscription")
}

const many = 100_000

// BenchmarkLoad reads subscriptions from the disk alone.
func BenchmarkLoad(b *testing.B) {
	s := kept(b, many)
	report(b, many, func() {
		if err := s.Load(context.Background(), func(event.Stored) {}); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkRestore makes subscriptions of them that have their NOTIFYs to send.
func BenchmarkRestore(b *testing.B) {
	s := kept(b, many)
	report(b, many, func() {
		n := event.New(event.Config{Store: s, Users: everybody{}, Layer: transaction.New(transaction.Config{Lanes: 2}), Wire: rig.Wire{}, Key: []byte("key")})
		n.Add(event.Package{Name: "presence", Types: []string{"application/pidf+xml"},
			Authorise: func(event.Ask) (event.Grant, error) { return event.Grant{}, nil },
			Document: func(event.Query) event.Document {
				return event.Document{Type: "application/pidf+xml", Body: []byte("<presence/>")}
			}})
		if got, err := n.Restore(context.Background(), func(string) (f transport.Flow, ok bool) { return f, false }); err != nil || got != many {
			b.Fatal(got, err)
		}
	})
}
