package location

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc"
)

func expect(t *testing.T, what string, got fmt.Stringer, want string) {
	t.Helper()
	if got.String() != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func visible(t *testing.T, l *Location, want string) {
	t.Helper()
	if got := phones(l.Bindings(alice)); got != want {
		t.Errorf("visible %q, want %q", got, want)
	}
}

func TestVisibleAtOnceAcknowledgedWhenDurable(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	a := bind(l, alice, "a", time.Hour)
	visible(t, l, "a")
	expect(t, "before the commit", a, "")
	d.commit(nil)
	expect(t, "after the commit", a, "ok a")
	gone := unbind(l, alice)
	visible(t, l, "")
	expect(t, "before the removal's commit", gone, "")
	d.commit(nil)
	expect(t, "after it", gone, "ok ")
	if n := len(l.of(alice).records); n != 0 || l.Count() != 0 {
		t.Errorf("%d records, %d bindings left", n, l.Count())
	}
}

// Nothing is acknowledged that rests on what is not on disk yet: not a look,
// not a refresh that alone would need no write.
func TestWhatShowsPendingStateWaits(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	first := bind(l, alice, "a", time.Hour)
	seen, again := look(l), bind(l, alice, "a", time.Hour)
	for _, o := range []*outcome{first, seen, again} {
		expect(t, "before the commit", o, "")
	}
	d.commit(nil)
	for _, o := range []*outcome{first, seen, again} {
		expect(t, "after the commit", o, "ok a")
	}
	expect(t, "a look at a settled state", look(l), "ok a")
	if d.written() != 3 {
		t.Errorf("%d writes", d.written())
	}
}

func TestFailedCommitGoesBackToTheDurableState(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	bind(l, alice, "a", time.Hour)
	d.commit(nil)
	var told []string
	l.Watch(func(_ rtc.AOR, old, new []Binding, _ Cause) { told = append(told, phones(old)+">"+phones(new)) })

	b, c := bind(l, alice, "b", time.Hour), bind(l, alice, "c", time.Hour)
	visible(t, l, "cba")
	d.commit(errDisk)
	expect(t, "first", b, "failed a")
	expect(t, "second", c, "failed a")
	visible(t, l, "a")
	if got, want := fmt.Sprint(told), "[a>ba ba>cba cba>a]"; got != want {
		t.Errorf("watchers saw %s, want %s", got, want)
	}
	gone := unbind(l, alice)
	d.commit(errDisk)
	expect(t, "a removal that failed", gone, "failed a")
	visible(t, l, "a")
	expect(t, "a later look", look(l), "ok a")
	if l.Count() != 1 {
		t.Errorf("count %d", l.Count())
	}
}

func TestFailureOfTheFirstOfTwoBatches(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	a := bind(l, alice, "a", time.Hour)
	d.mu.Lock()
	firstBatch := d.queue
	d.queue = nil
	d.mu.Unlock()
	b := bind(l, alice, "b", time.Hour)
	firstBatch[0].done(errDisk) // a fails, but b, which rests on it, is on its way
	expect(t, "a", a, "failed ")
	visible(t, l, "ba")
	d.commit(nil)
	expect(t, "b", b, "ok ba")
	visible(t, l, "ba")
}

func TestFailureOfTheSecondOfTwoBatches(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	a := bind(l, alice, "a", time.Hour)
	d.mu.Lock()
	firstBatch := d.queue
	d.queue = nil
	d.mu.Unlock()
	b := bind(l, alice, "b", time.Hour)
	firstBatch[0].done(nil)
	expect(t, "a", a, "ok a")
	d.commit(errDisk)
	expect(t, "b", b, "failed a")
	visible(t, l, "a")
}

func TestRefusedPutChangesNothing(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	bind(l, alice, "a", time.Hour)
	d.commit(nil)
	d.refuse = errDisk
	expect(t, "new", bind(l, alice, "b", time.Hour), "failed a")
	expect(t, "removal", unbind(l, alice), "failed a")
	expect(t, "first of an AOR", bind(l, "sip:new@example.com", "a", time.Hour), "failed ")
	expect(t, "a refresh that needs no write", bind(l, alice, "a", time.Hour), "ok a")
	visible(t, l, "a")
	if n := len(l.of("sip:new@example.com").records); n > 1 || l.Count() != 1 {
		t.Errorf("%d records, %d bindings", n, l.Count())
	}
}

func TestErrorOfTheChange(t *testing.T) {
	l := New(newDisk(), quiet())
	wrong := errors.New("wrong")
	var got error
	l.Update(alice, func([]Binding) ([]Binding, error) { return nil, wrong }, func(_ []Binding, err error) { got = err })
	if got != wrong || len(l.of(alice).records) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestOrderOfBindings(t *testing.T) {
	l := New(nil, quiet())
	q := func(phone string, q uint16) {
		n := draft(phone, time.Hour)
		n.Q = q
		l.Update(alice, func(old []Binding) ([]Binding, error) {
			return append([]Binding{n.Binding()}, old...), nil
		}, func([]Binding, error) {})
	}
	q("a", 500)
	q("b", 1000)
	q("c", 500)
	q("d", 100)
	visible(t, l, "bcad")
}

// A phone that refreshes shortly before its expiry is written every second time,
// one that refreshes at half time every third time, and the copy on disk never
// ends before what was promised.
func TestRefreshesThatNeedNoWrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  time.Duration
		of     time.Duration
		writes int // for 12 REGISTERs
	}{
		{"late", 3500 * time.Second, time.Hour, 6},
		{"at half time", 30 * time.Minute, time.Hour, 4},
		{"often", 60 * time.Second, time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				l := New(d, quiet())
				for range 12 {
					o := bind(l, alice, "a", c.of)
					d.commit(nil)
					expect(t, "refresh", o, "ok a")
					promised := l.Bindings(alice)[0].Expires
					if kept := d.rows[alice][0].Expires; kept.Before(promised.Truncate(time.Millisecond)) {
						t.Errorf("promised until %v, on disk until %v", promised, kept)
					}
					time.Sleep(c.every)
				}
				if d.written() != c.writes {
					t.Errorf("%d writes, want %d", d.written(), c.writes)
				}
			})
		})
	}
}

func TestWhatIsAlwaysWritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Binding)
		write  bool
	}{
		{"time", func(b *Binding) { b.Expires = b.Expires.Add(time.Minute) }, false},
		{"less time", func(b *Binding) { b.Expires = b.Expires.Add(-time.Minute) }, false},
		{"CSeq", func(b *Binding) { b.CSeq++ }, false},
		{"Call-ID", func(b *Binding) { b.CallID = "new" }, false},
		{"contact", func(b *Binding) { b.Contact += ";x" }, true},
		{"q", func(b *Binding) { b.Q = 1 }, true},
		{"path", func(b *Binding) { b.Path = "<sip:p>" }, true},
		{"instance", func(b *Binding) { b.Instance = "<urn:x>" }, true},
		{"reg-id", func(b *Binding) { b.RegID = 1 }, true},
		{"user agent", func(b *Binding) { b.UserAgent = "Phone/2.0" }, true},
		{"device", func(b *Binding) { b.Device = "cell" }, true},
		{"temporary GRUUs", func(b *Binding) { b.TempGRUU = true }, true},
		{"beyond what is on disk", func(b *Binding) { b.Expires = b.Expires.Add(2 * time.Hour) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk()
			l := New(d, quiet())
			bind(l, alice, "a", time.Hour)
			d.commit(nil)
			l.Update(alice, func(old []Binding) ([]Binding, error) {
				b := old[0]
				c.change(&b)
				return []Binding{b}, nil
			}, func([]Binding, error) {})
			if wrote := d.commit(nil) == 1; wrote != c.write {
				t.Errorf("written: %v", wrote)
			}
		})
	}
	// A Call-ID that temporary GRUUs hang on is on disk while they do, and no longer.
	t.Run("Call-ID with temporary GRUUs", func(t *testing.T) {
		d := newDisk()
		l := New(d, quiet())
		n := draft("a", time.Hour)
		n.Instance = []byte("<urn:uuid:1>")
		for i, step := range []struct {
			id            string
			temp, written bool
		}{{"one", false, true}, {"two", false, false}, {"three", true, true}, {"three", false, false}, {"four", true, true}, {"five", false, true}, {"six", false, false}} {
			n.CallID, n.TempGRUU = []byte(step.id), step.temp
			l.Update(alice, func(old []Binding) ([]Binding, error) {
				if len(old) == 0 {
					return []Binding{n.Binding()}, nil
				}
				return []Binding{n.Refreshed(&old[0])}, nil
			}, func([]Binding, error) {})
			if wrote := d.commit(nil) == 1; wrote != step.written {
				t.Errorf("step %d, Call-ID %s: written: %v", i, step.id, wrote)
			}
		}
	})
	t.Run("one of two removed", func(t *testing.T) {
		d := newDisk()
		l := New(d, quiet())
		bind(l, alice, "a", time.Hour)
		bind(l, alice, "b", time.Hour)
		d.commit(nil)
		l.Update(alice, func(old []Binding) ([]Binding, error) { return old[:1:1], nil }, func([]Binding, error) {})
		if d.commit(nil) != 1 {
			t.Error("not written")
		}
	})
}

func TestExpiryIsSweptAndWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		d.auto = true
		l := New(d, quiet())
		var told []string
		l.Watch(func(_ rtc.AOR, old, new []Binding, _ Cause) { told = append(told, phones(old)+">"+phones(new)) })
		ctx := t.Context()
		var run sync.WaitGroup
		run.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		bind(l, alice, "a", time.Minute)
		bind(l, alice, "b", 3*time.Minute)
		synctest.Wait()
		time.Sleep(time.Minute - time.Millisecond)
		synctest.Wait()
		visible(t, l, "ba")
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		visible(t, l, "b") // not shown, even before the sweep
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := phones(d.rows[alice]); got != "b" || l.Count() != 1 {
			t.Errorf("on disk %q, count %d", got, l.Count())
		}
		bind(l, alice, "b", 5*time.Minute) // the sweep has to find it later
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		visible(t, l, "b")
		d.mu.Lock()
		d.refuse = errDisk // the removal has to be tried again
		d.mu.Unlock()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		visible(t, l, "")
		if len(d.rows) != 1 {
			t.Error("removed from a disk that refuses")
		}
		d.mu.Lock()
		d.refuse = nil
		d.mu.Unlock()
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if len(d.rows) != 0 || l.Count() != 0 || len(l.of(alice).records) != 0 || len(l.of(alice).due) != 0 {
			t.Errorf("left: %v, count %d", d.rows, l.Count())
		}
		if got, want := fmt.Sprint(told), "[>a a>ba ba>b b>b b>]"; got != want {
			t.Errorf("watchers saw %s, want %s", got, want)
		}
	})
}

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		d.auto = true
		l := New(d, quiet())
		bind(l, alice, "a", time.Hour)
		bind(l, "sip:bob@example.com", "b", time.Hour)
		synctest.Wait()
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		bind(l, alice, "a", time.Hour) // not written
		synctest.Wait()
		if d.written() != 2 {
			t.Fatalf("%d writes", d.written())
		}
		promised := l.Bindings(alice)[0].Expires

		l = New(d, quiet())
		n, err := l.Restore(nil)
		if err != nil || n != 2 || l.Count() != 2 {
			t.Fatalf("restored %d, %v", n, err)
		}
		if got := l.Bindings(alice)[0].Expires; got.Before(promised) {
			t.Errorf("restored until %v, promised until %v", got, promised)
		}
		time.Sleep(time.Until(promised) - time.Second)
		synctest.Wait()
		visible(t, l, "a")
		bind(l, alice, "a", 5*time.Minute) // covered by the copy on disk
		synctest.Wait()
		if d.written() != 2 {
			t.Errorf("%d writes", d.written())
		}
		bind(l, alice, "a", 2*time.Hour)
		synctest.Wait()
		if d.written() != 3 {
			t.Errorf("%d writes", d.written())
		}
		seen := make(map[rtc.AOR]string)
		for aor, list := range l.All() {
			seen[aor] = phones(list)
		}
		// bob had an hour, and has two since the restart
		if len(seen) != 2 || seen[alice] != "a" || seen["sip:bob@example.com"] != "b" {
			t.Errorf("all: %q", seen)
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		for aor := range l.All() {
			if aor != alice {
				t.Errorf("%s lives longer than its copy on disk said", aor)
			}
		}
	})
}

func TestRemove(t *testing.T) {
	d := newDisk()
	d.auto = true
	l := New(d, quiet())
	bind(l, alice, "a", time.Hour)
	bind(l, alice, "b", time.Hour)
	n, err := l.Remove(t.Context(), alice, Deactivated, func(b *Binding) bool { return b.URI == "sip:a@192.0.2.1" })
	if n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	visible(t, l, "b")
	if n, err := l.Remove(t.Context(), "sip:nobody@example.com", Deactivated, nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := l.Remove(t.Context(), alice, Deactivated, nil); n != 1 || err != nil || len(d.rows) != 0 {
		t.Errorf("%d, %v, %v", n, err, d.rows)
	}
}

func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

// Many goroutines, a disk that sometimes fails, and in the end memory and disk
// agree and nothing is left over.
func TestConcurrentUpdatesEndConsistent(t *testing.T) {
	d := newDisk()
	l := New(d, quiet())
	stop := make(chan struct{})
	var disk, users sync.WaitGroup
	disk.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				for d.commit(nil) > 0 {
				}
				return
			default:
			}
			if i%7 == 3 {
				d.commit(errDisk)
			} else {
				d.commit(nil)
			}
		}
	})
	aors := []rtc.AOR{"sip:a@x", "sip:b@x", "sip:c@x", "sip:d@x"}
	for range 4 {
		users.Go(func() {
			for range 2000 {
				aor := aors[rand.IntN(len(aors))]
				phone := string(rune('a' + rand.IntN(4)))
				switch rand.IntN(6) {
				case 0:
					unbind(l, aor)
				case 1:
					l.Bindings(aor)
					l.sweep(time.Now())
				case 2:
					for round := range restRound {
						l.rest(round)
					}
				default:
					bind(l, aor, phone, time.Duration(1+rand.IntN(3))*time.Millisecond*time.Duration(rand.IntN(2)*1000000+1))
				}
			}
		})
	}
	users.Wait()
	close(stop)
	disk.Wait()
	total := 0
	for i := range l.shard {
		s := &l.shard[i]
		for aor, r := range s.records {
			if r.pending != nil || len(s.open(r)) == 0 || r.at < 0 || s.due[r.at].r != r || s.due.of(r) > ends(r.list)+retryAfter.Milliseconds() {
				t.Errorf("%s is not tidy: %+v", aor, r)
			}
			// A refresh that is not written changes the order of what is equal in q.
			if got, want := sorted(phones(d.rows[aor])), sorted(phones(r.list)); got != want {
				t.Errorf("%s: on disk %q, in memory %q", aor, got, want)
			}
			total += len(r.list)
			delete(d.rows, aor)
		}
		if len(s.due) != len(s.records) {
			t.Errorf("%d in the heap, %d records", len(s.due), len(s.records))
		}
		for k := 1; k < len(s.due); k++ {
			if s.due[k].at < s.due[(k-1)/2].at {
				t.Error("the heap is out of order")
			}
		}
	}
	if len(d.rows) != 0 || total != l.Count() {
		t.Errorf("on disk alone: %v; count %d of %d", d.rows, l.Count(), total)
	}
}

// While the disk is not to be trusted, a refresh that it would cover is written.
func TestDistrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		l := New(d, quiet())
		bind(l, alice, "a", time.Hour)
		d.commit(nil)
		time.Sleep(time.Second)
		expect(t, "refresh", bind(l, alice, "a", time.Hour), "ok a")
		l.Distrust(true)
		time.Sleep(time.Second)
		o := bind(l, alice, "a", time.Hour)
		expect(t, "refresh without trust", o, "")
		d.commit(errDisk)
		expect(t, "refresh that failed", o, "failed a")
		expect(t, "looking", look(l), "ok a")
		l.Distrust(false)
		expect(t, "refresh with trust", bind(l, alice, "a", time.Hour), "ok a")
		if d.written() != 2 {
			t.Errorf("%d writes", d.written())
		}
	})
}
