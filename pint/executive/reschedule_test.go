package executive

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tandem/pint"
	"tandem/pint/service"
)

// move asks for another time.
func (w *world) move(id string, at time.Time) error {
	w.t.Helper()
	var out error
	err := w.Reschedule(id, Times{At: at, Description: "later"}, func(_ pint.Session, err error) { out = err })
	synctest.Wait()
	return errors.Join(err, out)
}

// TestReschedule: the new time holds instead of the old one, also after a restart.
func TestReschedule(t *testing.T) {
	inTime(t, service.Service{}, func(w *world) {
		begin := time.Now()
		o := order()
		o.At = begin.Add(time.Hour)
		id := w.ask(o).ID
		if err := w.move(id, begin.Add(3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if s := w.is(id, pint.Scheduled, "2000-01-01 03:00:00"); s.Description != "later" {
			t.Errorf("%+v", s)
		}
		crashed := w.store.Copy()
		w.stop()
		w.store, w.kept = crashed, crashed
		w.open(service.Service{})
		time.Sleep(2 * time.Hour) // the old time passes
		w.ex.last(t, 0)
		if err := w.move(id, begin.Add(150*time.Minute)); err != nil { // earlier than it was
			t.Fatal(err)
		}
		time.Sleep(30*time.Minute - time.Second)
		w.ex.last(t, 0)
		time.Sleep(time.Second)
		w.ex.last(t, 1)
		var refused *pint.Refusal
		if err := w.move(id, begin.Add(5*time.Hour)); !errors.As(err, &refused) || refused.Code != 606 {
			t.Error("while it goes on:", err)
		}
		w.ex.calls[0].end(pint.Progress{Code: 603})
		if err := w.move(id, begin.Add(5*time.Hour)); !errors.As(err, &refused) || refused.Code != 606 {
			t.Error("when it has ended:", err)
		}
		time.Sleep(24 * time.Hour)
		w.ex.last(t, 1)
		if all, waiting := w.Active(); all != 0 || waiting != 0 {
			t.Error(all, waiting)
		}
	})
}

// TestRescheduleNow: no time, or one that has passed, begins at once. What cannot be is
// refused, and the time before holds.
func TestRescheduleNow(t *testing.T) {
	svc := service.Service{Quiet: service.Quiet{From: "22:00", Until: "07:00"}}
	inTimeAt(t, time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), svc, func(w *world) {
		now := time.Now()
		o := order()
		o.At = now.Add(time.Hour)
		id := w.ask(o).ID
		for code, at := range map[int]time.Time{480: now.Add(11 * time.Hour), 606: now.Add(400 * 24 * time.Hour)} {
			var refused *pint.Refusal
			if err := w.move(id, at); !errors.As(err, &refused) || refused.Code != code {
				t.Errorf("%s: %v, want %d", at, err, code)
			}
		}
		w.is(id, pint.Scheduled, "13:00:00")
		if err := w.move(id, time.Time{}); err != nil {
			t.Fatal(err)
		}
		w.ex.last(t, 1)
		time.Sleep(2 * time.Hour)
		w.ex.last(t, 1)
	})
}

// TestRescheduleOnDisk: it is told when it is on disk; nothing begins meanwhile, and when
// the disk takes nothing, the time before holds.
func TestRescheduleOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := onDisk(t, service.Service{})
		begin := time.Now()
		o := order()
		o.At = begin.Add(time.Hour)
		if err := w.AcceptAs("one", o, true, func(pint.Session, error) {}); err != nil {
			t.Fatal(err)
		}
		written(w, d)
		told := 0
		if err := w.Reschedule("one", Times{At: begin.Add(2 * time.Hour)}, func(pint.Session, error) { told++ }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if told != 0 || len(w.ex.calls) != 0 {
			t.Errorf("told %d times, %d calls before it was on disk", told, len(w.ex.calls))
		}
		written(w, d)
		if told != 1 {
			t.Error("not told")
		}
		d.fill()
		var refused *pint.Refusal
		if err := w.move("one", begin.Add(4*time.Hour)); !errors.As(err, &refused) || refused.Code != 503 {
			t.Error("the disk is full:", err)
		}
		if s := w.session("one"); !s.At.Equal(begin.Add(2*time.Hour)) || !s.Due.Equal(s.At) {
			t.Errorf("%+v", s)
		}
		w.stop()
	})
}
