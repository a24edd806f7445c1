package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"tandem/rtc/store/killtest"
)

var errOwn = errors.New("not to my taste")

// bad are changes that fail, each in its way.
var bad = map[string]struct {
	apply  func(context.Context, Tx) error
	kind   error // what done is told, nil: something
	repeat bool  // the transaction has to run twice
}{
	"no such table": {func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO nowhere VALUES (1)")
		return err
	}, nil, false},
	"refused by the schema": {func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, addNote, 1, "x", nil, nil, 0)
		return err
	}, ErrConflict, false},
	"refused after it has written": {func(ctx context.Context, tx Tx) error {
		if _, err := tx.ExecContext(ctx, addNote, 1000, "half", nil, "", 0); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, addNote, 1000, "half", nil, "", 0)
		return err
	}, ErrConflict, true},
	"changed its mind": {func(ctx context.Context, tx Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM notes"); err != nil {
			return err
		}
		return errOwn
	}, errOwn, true},
	"looked and refused": {func(ctx context.Context, tx Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM notes").Scan(&n); err != nil {
			return err
		}
		return errOwn
	}, errOwn, false},
	"wrote by a query": {func(ctx context.Context, tx Tx) error {
		var n int
		err := tx.QueryRowContext(ctx, "UPDATE notes SET owner = 'half' WHERE id = 3 RETURNING id").Scan(&n)
		return errors.Join(err, errOwn)
	}, errOwn, true},
}

func TestBadChangeFailsAlone(t *testing.T) {
	for name, b := range bad {
		t.Run(name, func(t *testing.T) {
			db, _ := open(t)
			release := hold(t, db)
			const n, place = 50, 20
			errs := make([]error, n)
			var acked sync.WaitGroup
			for i := range n {
				c := note(i)
				if i == place {
					c.Apply = b.apply
				}
				acked.Add(1)
				if err := db.Put(c, func(err error) { errs[i] = err; acked.Done() }); err != nil {
					t.Fatal(err)
				}
			}
			release()
			acked.Wait()
			for i, err := range errs {
				if i != place && err != nil {
					t.Errorf("neighbour %d: %v", i, err)
				}
			}
			if err := errs[place]; err == nil || b.kind != nil && !errors.Is(err, b.kind) {
				t.Errorf("the bad one was told %v", err)
			}
			if got, half := count(t, db, "owner = 'alice'"), count(t, db, "owner = 'half'"); got != n-1 || half != 0 {
				t.Errorf("%d written, %d of the bad one", got, half)
			}
			s := db.Stats()
			if s.Rejected != 1 || s.Failed != 0 || s.Queued != 0 || (s.Repeated == 1) != b.repeat {
				t.Errorf("stats %+v", s)
			}
			if err := db.Healthy(); err != nil {
				t.Errorf("healthy says %v", err)
			}
		})
	}
}

// Many bad ones in one transaction: still one repetition.
func TestManyBadChanges(t *testing.T) {
	db, _ := open(t)
	release := hold(t, db)
	var acked sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	for i := range 300 {
		c := note(i)
		if i%3 == 0 {
			c.Apply = bad["refused after it has written"].apply
		}
		acked.Add(1)
		if err := db.Put(c, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
			}
			acked.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	release()
	acked.Wait()
	if s := db.Stats(); failed != 100 || s.Rejected != 100 || s.Repeated != 1 || count(t, db, "1") != 200 {
		t.Errorf("%d failed, %d kept, stats %+v", failed, count(t, db, "1"), s)
	}
}

// Many puts of one key while the writer is busy become one row written, each is
// acknowledged in order, and the last one wins.
func TestPutsOfOneKeyCoalesce(t *testing.T) {
	db, _ := open(t)
	release := hold(t, db)
	const puts = 50
	var acked sync.WaitGroup
	var order []int
	for i := range puts {
		acked.Add(1)
		err := db.Put(setNote("a", i), func(err error) {
			if err != nil {
				t.Error(err)
			}
			order = append(order, i) // one goroutine acknowledges
			acked.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	release()
	acked.Wait()
	if !slices.IsSorted(order) {
		t.Fatalf("acknowledged out of order: %v", order)
	}
	if s := db.Stats(); s.Coalesced != puts-1 || s.Rows != 2 || s.Queued != 0 || s.Octets != 0 {
		t.Errorf("stats %+v", s)
	}
	if n := count(t, db, "text = '49'"); n != 1 {
		t.Errorf("the last did not win")
	}
}

// fill puts changes until one is refused, and returns how many were taken.
func fill(t *testing.T, db *DB, limit int, ended *sync.WaitGroup, c func(n int) Change) (taken int) {
	t.Helper()
	for n := range limit {
		ended.Add(1)
		err := db.Put(c(n), func(error) { ended.Done() })
		if err != nil {
			ended.Done()
		}
		if errors.Is(err, ErrQueueFull) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return limit
}

func TestQueueIsBounded(t *testing.T) {
	nothing := func(context.Context, Tx) error { return nil }
	for _, c := range []struct {
		name   string
		change func(n int) Change
		taken  int
		others error // what a change of somebody else is told then
	}{
		{"in number", func(int) Change { return Change{Apply: nothing} }, maxQueued - 1, ErrQueueFull}, // the one held counts
		{"in octets", func(int) Change { return Change{Apply: nothing, Octets: 1 << 20} }, maxOctets >> 20, ErrQueueFull},
		{"of one key", func(int) Change { return Change{Apply: nothing, Key: "k"} }, maxReplace + 1, nil},
		{"in number for an owner", func(int) Change { return Change{Apply: nothing, Owner: "alice"} }, maxQueued / ownerShare, nil},
		{"in octets for an owner", func(n int) Change { return Change{Apply: nothing, Owner: "alice", Octets: 1 << 20} }, maxOctets / ownerShare >> 20, nil},
		{"of an owner's keys", func(n int) Change {
			return Change{Apply: nothing, Owner: "alice", Key: fmt.Sprint(n % 100), Octets: 1 << 10}
		}, maxQueued / ownerShare, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, _ := open(t)
			release := hold(t, db)
			var ended sync.WaitGroup
			if n := fill(t, db, 2*maxQueued, &ended, c.change); n != c.taken {
				t.Errorf("%d taken, want %d", n, c.taken)
			}
			ended.Add(1)
			err := db.Put(Change{Apply: nothing, Octets: 1}, func(error) { ended.Done() })
			if err != nil {
				ended.Done()
			}
			if !errors.Is(err, c.others) {
				t.Errorf("others are told %v, want %v", err, c.others)
			}
			if full := db.Pressure() > 0.99; full != (c.others != nil) {
				t.Errorf("pressure %v", db.Pressure())
			}
			release()
			ended.Wait()
			do(t, db, note(1))
			if s := db.Stats(); s.Octets != 0 || s.Queued != 0 || len(db.w.load.owners) != 0 {
				t.Errorf("left over: %+v, %v", s, db.w.load.owners)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	db, _ := open(t)
	c := note(1)
	c.Octets = maxChange + 1
	if err := db.Do(t.Context(), c); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	c.Octets = maxChange
	do(t, db, c)
}

func TestCloseWritesTheQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openAt(t, path)
	const n = 3000
	acked := 0
	for i := range n {
		if err := db.Put(note(i), func(err error) {
			if err == nil {
				acked++ // one goroutine acknowledges
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if acked != n {
		t.Errorf("%d of %d acknowledged", acked, n)
	}
	if err := db.Put(note(1), func(error) { t.Error("called") }); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
	db = openAt(t, path)
	defer db.Close()
	if got := count(t, db, "1"); got != n {
		t.Errorf("%d of %d kept", got, n)
	}
}

// Changes that may wait are written with the next one that may not, when there are enough
// of them, after their time, or when the store is closed.
func TestChangesThatMayWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openAt(t, path)
	var acked sync.WaitGroup
	put := func(n int, within time.Duration) {
		t.Helper()
		c := note(n)
		c.Within = within
		acked.Add(1)
		if err := db.Put(c, func(err error) {
			if err != nil {
				t.Error(err)
			}
			acked.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	before := db.Stats().Batches
	next := 0
	puts := func(n int, within time.Duration) {
		t.Helper()
		for range n {
			put(next, within)
			next++
		}
	}
	puts(plenty-1, time.Hour)
	puts(1, 0)
	acked.Wait()
	if s := db.Stats(); s.Batches != before+1 || count(t, db, "1") != plenty {
		t.Errorf("%d changes in %d batches", count(t, db, "1"), s.Batches-before)
	}
	puts(plenty, time.Hour) // the last one takes all along
	acked.Wait()
	puts(1, time.Hour)
	puts(1, time.Millisecond) // takes both along
	acked.Wait()
	puts(1, time.Hour)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	acked.Wait()
	db = openAt(t, path)
	defer db.Close()
	if got := count(t, db, "1"); got != next {
		t.Errorf("%d of %d kept", got, next)
	}
}

func TestPurgeAndPages(t *testing.T) {
	db, _ := open(t)
	const n = 2*MaxRows + 500
	do(t, db, Change{Apply: func(ctx context.Context, tx Tx) error {
		for i := range n {
			if _, err := tx.ExecContext(ctx, addNote, i, "alice", nil, "", i%2); err != nil {
				return err
			}
		}
		return nil
	}})
	before := db.Stats().Batches
	deleted, err := db.Purge(t.Context(), "notes", "id", "made = $1", 1)
	if err != nil || deleted != n/2 {
		t.Errorf("%d deleted, %v", deleted, err)
	}
	if got := db.Stats().Batches - before; got != 2 {
		t.Errorf("%d transactions", got)
	}
	var seen []int
	err = Pages(t.Context(), db.Read(), "SELECT id, owner FROM notes WHERE id > $1 ORDER BY id LIMIT $2", -1,
		func(scan func(...any) error) (id int, err error) {
			var owner string
			err = scan(&id, &owner)
			seen = append(seen, id)
			return id, err
		})
	if err != nil || len(seen) != n/2 || !slices.IsSorted(seen) {
		t.Errorf("%d seen, %v", len(seen), err)
	}
	err = Pages(t.Context(), db.Read(), "SELECT id FROM notes WHERE id > $1 ORDER BY id LIMIT $2", -1,
		func(func(...any) error) (int, error) { return 0, errOwn })
	if !errors.Is(err, errOwn) {
		t.Errorf("got %v", err)
	}
}

// Statements made from values do not fill memory.
func TestStatementsAreBounded(t *testing.T) {
	db, _ := open(t)
	for i := range maxStatements + 50 {
		do(t, db, statement(fmt.Sprintf("UPDATE notes SET text = 'x' WHERE id = %d", i)))
		if err := db.Read().QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	if n, m := len(db.w.tx.writing), len(db.reads.statements); n > maxStatements || m > maxStatements {
		t.Errorf("%d and %d statements kept", n, m)
	}
}

// A process is killed in the middle of its writes; whatever it had
// acknowledged is there, and the file is sound.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	total := 0
	for round := range 3 {
		acked := killtest.Writer(t, path, (round+1)*1_000_000, 1000)
		db := openAt(t, path)
		for _, n := range acked {
			if count(t, db, "id = "+strconv.Itoa(n)) != 1 {
				t.Errorf("round %d: acknowledged note %d is lost", round, n)
			}
		}
		if n := count(t, db, "owner = 'half'"); n != 0 {
			t.Errorf("%d rows of changes that failed", n)
		}
		var check string
		if err := db.Read().QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
			t.Errorf("round %d: integrity %q %v", round, check, err)
		}
		total += len(acked)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged writes checked", total)
}

// writeForEver is the child: it prints the number of each acknowledged note.
// Every seventh change fails after it has written.
func writeForEver(path string) {
	from, _ := strconv.Atoi(os.Getenv(killtest.From))
	db, err := Open(context.Background(), "sqlite://"+path, quiet(), notes)
	if err != nil {
		fmt.Println(err)
		return
	}
	window := make(chan struct{}, 64)
	for n := from; ; n++ {
		window <- struct{}{}
		c := note(n)
		if n%7 == 0 {
			c.Apply = bad["refused after it has written"].apply
		}
		err := db.Put(c, func(err error) {
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
