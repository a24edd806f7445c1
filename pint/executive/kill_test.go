package executive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

// disk is a store whose writes wait until they are let through, in order; what waits
// when the process is killed is lost.
type disk struct {
	*pint.Memory
	mu    sync.Mutex
	queue []func()
	full  bool // refuses at once
	bad   bool // refuses when it is written
}

// Put implements pint.Store.
func (d *disk) Put(s *pint.Session, done func(error)) error {
	c := s.Clone()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return errors.New("no space left")
	}
	d.queue = append(d.queue, func() {
		if d.bad {
			done(errors.New("input/output error"))
			return
		}
		_ = d.Memory.Put(&c, done)
	})
	return nil
}

// onDisk is an executive with one service whose sessions are kept on such a disk.
func onDisk(t *testing.T, svc service.Service) (*world, *disk) {
	w := &world{t: t, ex: &exchange{}, rights: &rights{}, store: pint.NewMemory()}
	d := &disk{Memory: w.store}
	w.kept = d
	w.open(svc)
	return w, d
}

// write lets the next write through; false when none waits.
func (d *disk) write() bool {
	d.mu.Lock()
	if len(d.queue) == 0 {
		d.mu.Unlock()
		return false
	}
	f := d.queue[0]
	d.queue = d.queue[1:]
	d.mu.Unlock()
	f()
	synctest.Wait()
	return true
}

// fill has the disk take nothing any more.
func (d *disk) fill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = true
}

// step is one thing that happens to a request: a write that reaches the disk, or
// something that its telephones do.
type step struct {
	name string
	do   func(w *world, d *disk)
}

func written(w *world, d *disk) {
	if !d.write() {
		w.t.Fatal("nothing waits for the disk")
	}
}

// telephones has the last call go a step.
func telephones(s pint.Step) func(*world, *disk) {
	return func(w *world, _ *disk) { w.ex.calls[len(w.ex.calls)-1].steps(s) }
}

// talks is the life of a call that is busy first and then succeeds.
var talks = []step{
	{"accepted", written},
	{"about to dial", written},
	{"the first rings", telephones(pint.FirstRinging)},
	{"the first has answered", telephones(pint.FirstAnswered)},
	{"the second is busy", func(w *world, _ *disk) {
		w.ex.calls[0].end(pint.Progress{Code: 486, Second: true})
	}},
	{"waits for the next try", written},
	{"its time has come", func(*world, *disk) { time.Sleep(time.Minute); synctest.Wait() }},
	{"about to dial again", written},
	{"the first rings again", telephones(pint.FirstRinging)},
	{"the first has answered again", telephones(pint.FirstAnswered)},
	{"both talk", telephones(pint.Joined)},
	{"hung up", func(w *world, _ *disk) { w.ex.calls[1].end(pint.Progress{Code: 200, By: "first"}) }},
	{"the end is written", written},
}

// TestKilledAtEachStep: wherever the process is killed, no try is made twice, the
// session comes to its end, and nothing that was acknowledged is forgotten.
func TestKilledAtEachStep(t *testing.T) {
	svc := service.Service{Retries: 1}
	for n := range len(talks) + 1 {
		name := "asked"
		if n > 0 {
			name = talks[n-1].name
		}
		t.Run(fmt.Sprintf("%d %s", n, name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { killedAfter(t, svc, talks[:n]) })
		})
	}
}

func killedAfter(t *testing.T, svc service.Service, steps []step) {
	w, d := onDisk(t, svc)
	accepted := false
	var id string
	if err := w.AcceptAs("one", order(), true, func(s pint.Session, err error) { id, accepted = s.ID, err == nil }); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	for _, s := range steps {
		s.do(w, d)
	}
	tries := 0 // that the disk knows of
	on, known, _ := d.Memory.Session(t.Context(), "one")
	if known {
		tries = on.Tries
	}
	if len(w.ex.calls) > tries {
		t.Errorf("%d calls were made, the disk knows of %d", len(w.ex.calls), tries)
	}
	made := len(w.ex.calls)
	w.kept = w.store.Copy() // as on disk
	w.store = w.kept.(*pint.Memory)
	killed := w.stop
	w.open(svc)
	if !accepted {
		if known {
			t.Error("on disk before it was accepted")
		}
		killed()
		w.stop()
		return
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	switch {
	case on.State == pint.Scheduled: // it was not being tried: it is now, once
		if len(w.ex.calls) != made+1 || w.session(id).Tries != tries+1 {
			t.Errorf("%d calls after the restart, %d before; %+v", len(w.ex.calls)-made, made, w.session(id))
		}
		w.ex.calls[made].end(pint.Progress{Code: 603})
	case len(w.ex.calls) != made:
		t.Errorf("called again after the restart: was %s, try %d", on.State, tries)
	case !on.State.Final():
		w.is(id, pint.Failed, "the server ended during the call")
	}
	time.Sleep(24 * time.Hour)
	if s := w.session(id); !s.State.Final() || len(w.ex.calls) > made+1 {
		t.Errorf("at last %+v, %d calls", s, len(w.ex.calls))
	}
	w.stop()
	killed()
}

// TestAskedWhileLoading: a request that comes while those of before a restart are taken up
// is none of them.
func TestAskedWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, ex: &exchange{}, rights: &rights{}, store: pint.NewMemory()}
		early := func() {
			if err := w.AcceptAs("one", order(), true, func(pint.Session, error) {}); err != nil {
				t.Error(err)
			}
			waits := order()
			waits.A.Number = "+4940112"
			if err := w.AcceptAs("two", waits, false, func(pint.Session, error) {}); err != nil {
				t.Error(err)
			}
		}
		w.kept = asks{w.store, early}
		w.open(service.Service{})
		w.ex.last(t, 1) // not twice
		w.Confirm("two")
		w.ex.last(t, 2) // it was not cancelled
		w.stop()
	})
}

// asks is a store that has something asked for before it tells what is unfinished.
type asks struct {
	pint.Store
	early func()
}

// Unfinished implements pint.Store.
func (a asks) Unfinished(ctx context.Context, each func(pint.Session)) error {
	a.early()
	return a.Store.Unfinished(ctx, each)
}

// TestDiskFull: who cannot be known after a restart is not called.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := onDisk(t, service.Service{})
		if err := w.AcceptAs("one", order(), false, func(pint.Session, error) {}); err != nil {
			t.Fatal(err)
		}
		written(w, d)
		d.fill()
		w.Confirm("one")
		synctest.Wait()
		if len(w.ex.calls) != 0 {
			t.Error("called, though a restart would not know of it")
		}
		var refused *pint.Refusal
		another := order()
		another.A.Number = "+4940112"
		if err := w.Accept(another, true, func(pint.Session, error) {}); !errors.As(err, &refused) || refused.Code != 503 {
			t.Error("taken on, though it cannot be kept:", err)
		}
		w.is("one", pint.Failed, "nobody was called")
		d.mu.Lock()
		d.full = false // somebody makes room
		d.mu.Unlock()
		time.Sleep(diskPause)
		synctest.Wait()
		written(w, d)
		if all, _ := w.Active(); all != 0 {
			t.Error("sessions are left:", all)
		}
		if s, _, _ := d.Memory.Session(t.Context(), "one"); s.State != pint.Failed {
			t.Error("on disk it is", s.State)
		}
		w.stop()
	})
}

// TestUnmarked: a call whose try the disk refuses to know of is not made, and is not told
// to have failed while a restart would make it. It is made when there is room again, once;
// a restart meanwhile makes it, once; after ten minutes neither does, and it has failed.
func TestUnmarked(t *testing.T) {
	full, bad := func(d *disk, yes bool) { d.full = yes }, func(d *disk, yes bool) { d.bad = yes }
	for _, row := range []struct {
		name    string
		refuses func(d *disk, yes bool)
		after   time.Duration // there is room again
		restart bool          // the server is killed before
		calls   int
	}{
		{"full for a minute", full, time.Minute, false, 1},
		{"bad for a minute", bad, time.Minute, false, 1},
		{"full for an hour", full, time.Hour, false, 0},
		{"bad for an hour", bad, time.Hour, false, 0},
		{"killed within a minute", full, time.Minute, true, 1},
		{"killed after an hour", full, time.Hour, true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { unmarked(t, row.refuses, row.after, row.restart, row.calls) })
		})
	}
}

func unmarked(t *testing.T, refuses func(*disk, bool), after time.Duration, restart bool, calls int) {
	w, d := onDisk(t, service.Service{})
	writes := func() {
		for d.write() {
		}
	}
	lasts := func(long time.Duration) { // writes as they come
		for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(time.Second) {
			synctest.Wait()
			writes()
		}
	}
	o := order()
	o.At = time.Now().Add(time.Hour)
	if err := w.AcceptAs("one", o, true, func(pint.Session, error) {}); err != nil {
		t.Fatal(err)
	}
	writes()
	d.mu.Lock()
	refuses(d, true)
	d.mu.Unlock()
	lasts(time.Hour + after)
	w.ex.last(t, 0)
	if failed := w.session("one").State == pint.Failed; failed != (calls == 0) {
		t.Errorf("after %s it is %+v", after, w.session("one"))
	}
	if restart {
		killed := w.stop
		defer killed()
		w.store = w.store.Copy()
		w.kept = w.store
		w.open(service.Service{})
	} else {
		d.mu.Lock()
		refuses(d, false)
		d.mu.Unlock()
		lasts(time.Minute)
	}
	if k := w.ex.last(t, calls); k != nil {
		k.end(pint.Progress{Code: 603})
		writes()
		w.is("one", pint.Failed, "603")
	} else {
		w.is("one", pint.Failed, "")
	}
	if s := w.session("one"); s.Tries != calls {
		t.Errorf("%d tries, %d calls", s.Tries, calls)
	}
	if all, _ := w.Active(); all != 0 {
		t.Error("sessions are left:", all)
	}
	w.stop()
}

// TestCancelledWhileMarked: who cancels a call whose first try is being written is told that
// no restart makes it once that is so, also when the disk refuses the try.
func TestCancelledWhileMarked(t *testing.T) {
	for _, bad := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, d := onDisk(t, service.Service{})
			if err := w.AcceptAs("one", order(), true, func(pint.Session, error) {}); err != nil {
				t.Fatal(err)
			}
			written(w, d)
			told := make(chan error, 1)
			if err := w.Cancel("one", "requester", func(err error) { told <- err }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(told) != 0 {
				t.Error("told before the disk knows")
			}
			d.bad = bad
			written(w, d) // the try
			if bad {
				if len(told) != 0 {
					t.Error("told, though a restart would make the call")
				}
				d.bad = false
				written(w, d) // the end
			}
			synctest.Wait()
			if s, _, _ := d.Memory.Session(t.Context(), "one"); len(told) != 1 || <-told != nil || s.State == pint.Scheduled {
				t.Errorf("bad %v: on disk it is %s", bad, s.State)
			}
			for d.write() {
			}
			w.ex.last(t, 0)
			w.is("one", pint.Cancelled, "requester")
			w.stop()
		})
	}
}

// TestCancelledBeforeDial: who is not wanted any more is not called, though the disk was
// being written when that was said.
func TestCancelledBeforeDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := onDisk(t, service.Service{})
		if err := w.AcceptAs("one", order(), true, func(pint.Session, error) {}); err != nil {
			t.Fatal(err)
		}
		written(w, d)
		if err := w.Cancel("one", "requester", nil); err != nil {
			t.Fatal(err)
		}
		for d.write() {
		}
		if len(w.ex.calls) != 0 {
			t.Error("called")
		}
		w.is("one", pint.Cancelled, "cancelled by requester")
		w.stop()
	})
}

// TestCancelIsOnDisk: who cancels a call of later is told so once a restart knows of it,
// or that the disk does not take it.
func TestCancelIsOnDisk(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, d := onDisk(t, service.Service{})
			later := order()
			later.At = time.Now().Add(time.Hour)
			if err := w.AcceptAs("one", later, true, func(pint.Session, error) {}); err != nil {
				t.Fatal(err)
			}
			written(w, d)
			for d.write() {
			}
			if full {
				d.fill()
			}
			told := make(chan error, 1)
			go func() { told <- w.CancelKept(t.Context(), "one", "requester") }()
			synctest.Wait()
			if !full {
				if len(told) != 0 {
					t.Fatal("told before it was on disk")
				}
				written(w, d)
			}
			if err := <-told; errors.Is(err, ErrNotKept) != full {
				t.Errorf("disk full %v: told %v", full, err)
			}
			w.stop()
		})
	}
}
