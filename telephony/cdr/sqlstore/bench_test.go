package sqlstore

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/store"
	"tandem/telephony/cdr"
	"tandem/telephony/cdr/export"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// million is a store with a million records of 1,000 users in 100 days.
func million(b *testing.B) *Store {
	b.Helper()
	db, err := store.Open(context.Background(), "sqlite://"+filepath.Join(b.TempDir(), "t.db"), slog.New(slog.DiscardHandler), Migrations)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	const data = `{"to":"0301234567","number":"+49301234567","payer":"sip:u1@example.com","kind":"national","tried":[{"trunk":"berlin","uri":"sip:+49301234567@192.0.2.1","call_id":"ABCDEFGHIJ","code":200,"began":"2026-01-01T00:00:00.123456789Z","ended":"2026-01-01T00:00:05.123456789Z"}],` +
		`"ringing":1767225602000,"answered":1767225605000,"ended_by":"caller","code":200,"cause":16,"call_ids":["ABCDEFGHIJKLMNOP","QRSTUVWXYZABCDEF"],` +
		`"sides":[{"codec":"opus/48000","packets":3000,"lost":1,"jitter_ms":1.5,"mos":4.3},{"codec":"PCMU/8000","packets":3000,"mos":4.2}]}`
	const fill = `WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i+1 FROM n WHERE i+1 < $2)
		INSERT INTO calls (id, state, caller, called, trunk, started, ended, data)
		SELECT printf('%024d', i * 7919 % 1000003), 'completed', 'sip:u' || (i % 1000) || '@example.com', '', 'berlin', $3 + i * 8640, $3 + i * 8640 + 60000, $4 FROM n`
	for i := 0; i < 1_000_000; i += 100_000 {
		err := db.Do(context.Background(), store.Change{Octets: 1024, Apply: func(ctx context.Context, tx store.Tx) error {
			_, err := tx.ExecContext(ctx, fill, i, i+100_000, begin.UnixMilli(), data)
			return err
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
	return New(db)
}

func BenchmarkMillion(b *testing.B) {
	s := million(b)
	b.Run("list a user's day", func(b *testing.B) {
		q := cdr.Query{User: "sip:u7@example.com", After: begin.AddDate(0, 0, 50), Before: begin.AddDate(0, 0, 51), Limit: cdr.MaxLimit}
		for b.Loop() {
			if list, err := s.List(b.Context(), q); err != nil || len(list) != 10 {
				b.Fatal(len(list), err)
			}
		}
	})
	for _, f := range []export.Format{export.JSON, export.CSV} {
		b.Run("export "+string(f), func(b *testing.B) {
			rows, before := 0, worked(b)
			for b.Loop() {
				w := export.New(f, io.Discard)
				if err := s.Each(b.Context(), cdr.Query{After: begin.AddDate(0, 0, 40), Before: begin.AddDate(0, 0, 50)}, func(r *cdr.Record) error {
					rows++
					return w.Write(r)
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(rows)/(worked(b)-before).Seconds(), "rows/cpu-s")
		})
	}
}

// worked is how long this program has had a processor: on a busy machine the time of
// the clock says little.
func worked(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
