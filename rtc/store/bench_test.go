package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var words = strings.Repeat("The usual length of what a room keeps. ", 5)

// record is a change as rooms make them: a row of five columns and 200 octets
// of text, in a table with a secondary index.
func record(n int) Change {
	return Change{Octets: 256, Owner: fmt.Sprint("sip:user", n%1000, "@example.com"), Apply: func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, addNote, n, "sip:alice@example.com", nil, words, n)
		return err
	}}
}

// BenchmarkGenericChange: a durable change, as fast as they go and at 20,000 a
// second; then with one in a hundred that fails after it has written.
func BenchmarkGenericChange(b *testing.B) {
	for _, c := range []struct {
		name string
		rate int // a second, 0: as fast as they go
		bad  int // one of so many fails, 0: none
	}{{"flat out", 0, 0}, {"20000 a second", 20000, 0}, {"one in 100 fails", 0, 100}} {
		b.Run(c.name, func(b *testing.B) {
			db, _ := open(b)
			b.ReportAllocs()
			window := make(chan struct{}, 1000)
			var ended sync.WaitGroup
			start, before := time.Now(), cpuTime()
			for n := range b.N {
				if c.rate > 0 && n%(c.rate/500) == 0 {
					time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / time.Duration(c.rate))))
				}
				window <- struct{}{}
				ended.Add(1)
				change := record(n)
				fails := c.bad > 0 && n%c.bad == 0
				if fails {
					change.Apply = func(ctx context.Context, tx Tx) error {
						_, err := tx.ExecContext(ctx, addNote, -n-1, "half", nil, words, 0)
						return errors.Join(err, errOwn)
					}
				}
				if err := db.Put(change, func(err error) {
					if (err != nil) != fails {
						b.Error(err)
					}
					<-window
					ended.Done()
				}); err != nil {
					b.Fatal(err)
				}
			}
			ended.Wait()
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
			s := db.Stats()
			b.ReportMetric(float64(s.Rows)/float64(s.Batches), "rows/batch")
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "rows/s")
		})
	}
}

// BenchmarkSavepoints: what it would cost to guard every change from the start.
func BenchmarkSavepoints(b *testing.B) {
	for _, guarded := range []bool{false, true} {
		b.Run(fmt.Sprint("guarded=", guarded), func(b *testing.B) {
			db, _ := open(b)
			items := make([]item, 500)
			before := cpuTime()
			for n := 0; n < b.N; n += len(items) {
				for i := range items {
					items[i] = item{Change: record(n + i)}
				}
				if _, err := db.w.attempt(items, guarded); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkNeighbours: how long a small change waits while others write 20,000
// rows a second.
func BenchmarkNeighbours(b *testing.B) {
	db, _ := open(b)
	ctx, stop := context.WithCancel(b.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		start := time.Now()
		for n := 0; ctx.Err() == nil; n++ {
			if n%40 == 0 {
				time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / 20000)))
			}
			_ = db.Put(record(n), func(error) {})
		}
	})
	var waits []time.Duration
	for n := range b.N {
		start := time.Now()
		do(b, db, setNote("a", -n-1))
		waits = append(waits, time.Since(start))
	}
	stop()
	ended.Wait()
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "p99-ms")
}
