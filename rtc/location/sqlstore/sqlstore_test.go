package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/location/storetest"
	"tandem/rtc/store"
	"tandem/rtc/store/killtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killtest.Path); path != "" {
		writeForEver(path)
		return
	}
	os.Exit(m.Run())
}

func openAt(path string) (*Store, error) {
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(context.Background(), "sqlite://"+path, log, Migrations)
	if err != nil {
		return nil, err
	}
	return New(db, log), nil
}

// open opens a database in a new directory; again closes it and opens it anew.
func open(t testing.TB) (s *Store, again func() *Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	again = func() *Store {
		var err error
		if s != nil {
			err = s.db.Close()
		}
		if err == nil {
			s, err = openAt(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Cleanup(func() { s.db.Close() })
	return again(), again
}

func binding(n int) location.Binding { return storetest.Binding(n) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (location.Store, func() location.Store) {
		s, again := open(t)
		return s, func() location.Store { return again() }
	})
}

func count(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.db.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM bindings").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEndedRowsAreDeletedByLoad(t *testing.T) {
	s, _ := open(t)
	b := binding(1)
	b.Expires = time.Now().Add(-time.Second)
	const n = 2*store.MaxRows + 7
	var acked sync.WaitGroup
	for i := range n {
		acked.Add(1)
		if _, err := s.PutBindings(storetest.AOR(i), 0, []location.Binding{b}, func(error) { acked.Done() }); err != nil {
			t.Fatal(err)
		}
	}
	acked.Wait()
	if err := storetest.Put(s, "sip:x@example.com", binding(2)); err != nil {
		t.Fatal(err)
	}
	if got := storetest.All(t, s); len(got) != 1 {
		t.Errorf("loaded %d", len(got))
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d rows left", n)
	}
}

// of is the head of a row.
func of(version byte, aor string, until int64) []byte {
	row := appendRow(nil, rtc.AOR(aor), []location.Binding{{Expires: time.UnixMilli(until)}})[:rowHead+len(aor)]
	row[0] = version
	return row
}

// Rows by the name of the AOR, as versions before wrote them, become rows by number.
func TestRowsOfBefore(t *testing.T) {
	before := fstest.MapFS{}
	for _, name := range []string{"sqlite/0002_bindings.sql", "sqlite/0055_promises.sql"} {
		text, err := Migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: text}
	}
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := store.Open(t.Context(), "sqlite://"+path, slog.New(slog.DiscardHandler), before)
	if err != nil {
		t.Fatal(err)
	}
	odd := binding(300) // with numbers of several octets
	odd.CSeq, odd.Path, odd.Device = 1<<31, "<sip:p.example.com;lr>", "cell\x00\xff"
	gone := binding(4)
	gone.Expires = time.Now().Add(-time.Second)
	kept := map[rtc.AOR][]location.Binding{
		"sip:user1@example.com": {binding(1)}, "sip:j\u00fcrgen@example.com": {odd, binding(2)}, "sip:gone@example.com": {gone}}
	err = db.Do(t.Context(), store.Change{Apply: func(ctx context.Context, tx store.Tx) error {
		for aor, list := range kept {
			data, until := append([]byte{1}, encodedBefore(list...)...), list[0].Expires.UnixMilli()
			if _, err := tx.ExecContext(ctx, "INSERT INTO bindings (aor, data, until) VALUES ($1, $2, $3)", string(aor), data, until); err != nil {
				return err
			}
		}
		return nil
	}})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := openAt(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.db.Close() }()
	delete(kept, "sip:gone@example.com")
	for _, list := range kept {
		for i := range list {
			list[i].TempGRUU = true // it may be so: they have an instance
		}
	}
	if got := storetest.All(t, s); !reflect.DeepEqual(got, kept) {
		t.Errorf("got %+v\nwant %+v", got, kept)
	}
	if n := count(t, s); n != 2 {
		t.Errorf("%d rows", n)
	}
	// A refresh takes the place of its row, a new AOR gets another.
	l := location.New(s, nil)
	if _, err := l.Restore(nil); err != nil {
		t.Fatal(err)
	}
	for aor := range kept {
		if n, err := l.Remove(t.Context(), aor, location.Deactivated, func(b *location.Binding) bool { return b.CSeq != 1 }); err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	if err := storetest.Put(s, "sip:new@example.com", binding(5)); err != nil {
		t.Fatal(err)
	}
	got := storetest.All(t, s)
	if len(got) != 2 || len(got["sip:user1@example.com"]) != 1 || len(got["sip:new@example.com"]) != 1 || count(t, s) != 2 {
		t.Errorf("%d rows: %+v", count(t, s), got)
	}
}

// Of two rows of one AOR the one written last holds, and the other is deleted.
func TestLaterRowHolds(t *testing.T) {
	s, again := open(t)
	for n := range 2 {
		if err := storetest.Put(s, storetest.AOR(1), binding(n)); err != nil {
			t.Fatal(err)
		}
	}
	s = again()
	if got := storetest.All(t, s); len(got) != 1 || got[storetest.AOR(1)][0].CSeq != 1 {
		t.Errorf("kept %+v", got)
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d rows left", n)
	}
}

func TestUnreadableRowIsLeftAloneAndTheRestLoaded(t *testing.T) {
	s, _ := open(t)
	if err := storetest.Put(s, storetest.AOR(1), binding(1)); err != nil {
		t.Fatal(err)
	}
	err := s.db.Do(t.Context(), store.Change{Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO bindings VALUES ($1, $2), ($3, $4)", 70, []byte{99, 1, 2}, 71, of(99, "sip:x@example.com", 1<<60))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := storetest.All(t, s); len(got) != 1 || got[storetest.AOR(1)] == nil {
		t.Errorf("loaded %v", got)
	}
	if n := count(t, s); n != 3 {
		t.Errorf("%d rows left", n)
	}
}

// Rows are used again as soon as they are acknowledged, replaced ones too; a
// refused put leaves nothing behind.
func TestRowsAreUsedAgain(t *testing.T) {
	s, again := open(t)
	k := &storetest.Keeper{Store: s}
	for round := range 50 {
		var acked sync.WaitGroup
		for n := range 100 {
			acked.Add(1)
			list := []location.Binding{binding(round*100 + n)}
			if n%3 == 0 {
				list = nil
			}
			if err := k.Put(storetest.AOR(n/2), list, func(err error) {
				if err != nil {
					t.Error(err)
				}
				acked.Done()
			}); err != nil {
				t.Fatal(err)
			}
		}
		acked.Wait()
	}
	got := storetest.All(t, again())
	for i := range 50 {
		n := 2*i + 1 // the last put of the AOR
		list := got[storetest.AOR(i)]
		if n%3 == 0 && len(list) != 0 || n%3 != 0 && (len(list) != 1 || list[0].CSeq != uint32(4900+n)) {
			t.Errorf("AOR %d became %+v", i, list)
		}
	}
	_ = s.db.Close()
	if _, err := s.PutBindings("sip:a@b", 0, nil, func(error) { t.Error("called") }); err == nil {
		t.Error("a closed store took bindings")
	}
}

// A process is killed in the middle of its writes; whatever it had
// acknowledged is there, and the file is sound.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	total := 0
	for round := range 3 {
		acked := killtest.Writer(t, path, round*1_000_000, 2000)
		s, err := openAt(path)
		if err != nil {
			t.Fatal(err)
		}
		got := storetest.All(t, s)
		for _, n := range acked {
			if list := got[storetest.AOR(n)]; len(list) != 1 || list[0].CSeq != uint32(n) {
				t.Errorf("round %d: acknowledged binding %d is lost: %v", round, n, list)
			}
		}
		var check string
		if err := s.db.Read().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
			t.Errorf("round %d: integrity %q %v", round, check, err)
		}
		total += len(acked)
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged writes checked", total)
}

// writeForEver is the child: it prints the number of each acknowledged binding.
func writeForEver(path string) {
	from, _ := strconv.Atoi(os.Getenv(killtest.From))
	s, err := openAt(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	window := make(chan struct{}, 64)
	for n := from; ; n++ {
		window <- struct{}{}
		_, err := s.PutBindings(storetest.AOR(n), 0, []location.Binding{binding(n)}, func(err error) {
			if err == nil {
				fmt.Println(n)
			}
			<-window
		})
		if err != nil {
			return
		}
	}
}

func BenchmarkStorePut(b *testing.B) {
	for _, c := range []struct {
		name string
		keys int
	}{{"fresh", 0}, {"again", 10000}} {
		b.Run(c.name, func(b *testing.B) {
			s, _ := open(b)
			k := &storetest.Keeper{Store: s}
			b.ReportAllocs()
			window := make(chan struct{}, 1000)
			var ended sync.WaitGroup
			list := []location.Binding{binding(1)}
			before := cpuTime()
			for n := range b.N {
				window <- struct{}{}
				ended.Add(1)
				if c.keys > 0 {
					n = n * 7919 % c.keys
				}
				if err := k.Put(storetest.AOR(n), list, func(err error) {
					if err != nil {
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
			st := s.db.Stats()
			b.ReportMetric(float64(st.Rows)/float64(st.Batches), "rows/batch")
		})
	}
}

// BenchmarkLoad loads 100,000 bindings, as a start does.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	s, _ := open(b)
	var ended sync.WaitGroup
	window := make(chan struct{}, 10_000)
	for i := range n {
		window <- struct{}{}
		ended.Add(1)
		if _, err := s.PutBindings(storetest.AOR(i), 0, []location.Binding{binding(i)}, func(error) { <-window; ended.Done() }); err != nil {
			b.Fatal(err)
		}
	}
	ended.Wait()
	before := cpuTime()
	for b.Loop() {
		l := location.New(s, nil)
		if got, err := l.Restore(nil); got != n || err != nil {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric((cpuTime()-before).Seconds()/float64(b.N), "cpu-s/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Promises of more users than one row holds come back whole, and once.
func TestPromisesOfManyRows(t *testing.T) {
	s, again := open(t)
	const users = 9000
	promise := func(n int) []location.Promise {
		return []location.Promise{{Contact: uint64(n) * 0x9e3779b97f4a7c15, Expires: int64(n)}}
	}
	err := s.KeepPromises(t.Context(), func(yield func(rtc.AOR, []location.Promise) bool) {
		for n := range users {
			if !yield(storetest.AOR(n), promise(n)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	if err := s.db.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM promises").Scan(&rows); err != nil || rows < 2 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	s = again()
	for _, want := range []int{users, 0} {
		seen := 0
		err := s.LoadPromises(t.Context(), func(aor rtc.AOR, all []location.Promise) {
			if len(all) != 1 || aor != storetest.AOR(seen) || all[0] != promise(seen)[0] {
				t.Errorf("%s: %v", aor, all)
			}
			seen++
		})
		if err != nil || seen != want {
			t.Errorf("%d promises, want %d: %v", seen, want, err)
		}
		if err := s.ForgetPromises(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A number that cannot be found out now is found out by the next registration.
func TestNumberIsAskedForAgain(t *testing.T) {
	s, again := open(t)
	rename := func(from, to string) {
		t.Helper()
		if err := s.db.Do(t.Context(), store.Change{Apply: func(ctx context.Context, tx store.Tx) error {
			_, err := tx.ExecContext(ctx, "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		}}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(n int) error {
		done := make(chan error, 1)
		if _, err := s.PutBindings(storetest.AOR(n), 0, []location.Binding{binding(n)}, func(err error) { done <- err }); err != nil {
			return err
		}
		return <-done
	}
	if err := put(1); err != nil {
		t.Fatal(err)
	}
	s = again()
	rename("bindings", "away")
	if err := put(2); err == nil {
		t.Fatal("a number without a table")
	}
	rename("away", "bindings")
	if err := put(2); err != nil {
		t.Error(err)
	}
	loaded := 0
	if err := s.LoadBindings(nil, func(rtc.AOR, int64, []location.Binding) { loaded++ }); err != nil || loaded != 2 {
		t.Errorf("%d of 2 addresses, %v", loaded, err)
	}
}
