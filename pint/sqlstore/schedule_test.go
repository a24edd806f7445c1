package sqlstore_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/party"
	"tandem/pint/schedule"
	"tandem/pint/service"
	"tandem/pint/sqlstore"
	"tandem/rtc"
	"tandem/rtc/store"
)

// day is a day whose calls wait on disk: an executive that is stopped and started anew,
// and telephony that notes when each call begins.
type day struct {
	t     *testing.T
	path  string
	x     *executive.Executive
	close func()

	mu    sync.Mutex
	begun map[string][]time.Time // by session
}

func (d *day) Connect(c pint.Call, tell func(pint.Progress)) (pint.Handle, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun[c.Session] = append(d.begun[c.Session], time.Now())
	tell(pint.Progress{Step: pint.Ended, Code: 603})
	return handle{}, nil
}

// open takes up what is on disk.
func (d *day) open() {
	d.t.Helper()
	db, err := store.Open(context.Background(), "sqlite://"+d.path, slog.New(slog.DiscardHandler), sqlstore.Migrations)
	if err != nil {
		d.t.Fatal(err)
	}
	kept, err := sqlstore.New(db, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		d.t.Fatal(err)
	}
	table, err := service.New([]service.Service{{Name: "R2C", Kind: service.Call, Limits: service.Limits{PerMinute: 10_000, Waiting: 10_000, AtOnce: 10_000}}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.x = executive.New(executive.Config{Store: kept, Telephony: d, Rights: everybody{}, Services: table})
	if err := d.x.Load(context.Background()); err != nil {
		d.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = d.x.Run(ctx) }()
	d.close = func() {
		stop()
		<-ended
		if err := db.Close(); err != nil {
			d.t.Error(err)
		}
		d.x = nil
	}
}

// ask has a call wait for its time, and says when it is on disk, and as what.
func (d *day) ask(n int, at time.Time, kept func(id string)) {
	d.t.Helper()
	o := pint.Order{Service: "R2C", Door: pint.REST, By: rtc.AOR(fmt.Sprintf("sip:user%d@example.com", n%200)), At: at, Zone: "Europe/Berlin",
		A: party.Party{Number: fmt.Sprintf("+4940%06d", n)}, B: party.Party{Number: fmt.Sprintf("+4930%06d", n)}}
	err := d.x.Accept(o, true, func(s pint.Session, err error) {
		if err != nil {
			d.t.Error(err)
		}
		kept(s.ID)
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestTenThousandScheduled: ten thousand calls at times of the clock on the wall, on the
// day when it is set forward, and a thousand when it is set back, wait on disk and take less
// than 20 MiB of memory.
// The server is stopped and started in between. Each begins once, within a second of its
// time; those of the hour that does not exist when the clock is set forward.
func TestTenThousandScheduled(t *testing.T) {
	for _, row := range []struct {
		name     string
		midnight time.Time // before, in UTC
		date     string
		calls    int
		offset   func(hour int) int // hours from the clock on the wall to UTC
	}{
		{"forward", time.Date(2027, 3, 27, 20, 0, 0, 0, time.UTC), "2027-03-28", 10_000, func(hour int) int {
			if hour < 2 {
				return 1
			}
			return 2
		}},
		{"back", time.Date(2027, 10, 30, 20, 0, 0, 0, time.UTC), "2027-10-31", 1000, func(hour int) int {
			if hour < 3 { // of the two hours from two to three, the first
				return 2
			}
			return 1
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.db")
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(row.midnight))
				d := &day{t: t, path: path, begun: map[string][]time.Time{}}
				d.open()
				scheduled(t, d, row.date, row.calls, row.offset)
			})
		})
	}
}

func scheduled(t *testing.T, d *day, date string, calls int, offset func(hour int) int) {
	const moments = 24 * 2 // one moment every half an hour
	want := make(map[string]time.Time, calls)
	midnight, err := time.Parse(time.DateOnly, date)
	if err != nil {
		t.Fatal(err)
	}
	before := inUse()
	for n := range calls {
		wall := midnight.Add(time.Duration(n%moments) * 30 * time.Minute)
		at, err := schedule.Parse(wall.Format("2006-01-02T15:04"), "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		moment := wall.Add(-time.Duration(offset(wall.Hour())) * time.Hour)
		if date == "2027-03-28" && wall.Hour() == 2 {
			moment = time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC)
		}
		d.ask(n, at, func(id string) { // one after the other
			want[id] = moment
		})
		if n%500 == 499 { // the disk takes no more than it can write
			synctest.Wait()
		}
	}
	synctest.Wait()
	used := inUse() - before
	if all, waiting := d.x.Active(); all != calls || waiting != calls || len(want) != calls {
		t.Fatalf("%d of %d wait, %d sessions", waiting, all, len(want))
	}
	if used > 20<<20 {
		t.Errorf("%d octets are taken by %d calls", used, calls)
	}
	time.Sleep(time.Until(midnight.Add(10*time.Hour + 30*time.Second)))
	synctest.Wait()
	d.close()
	d.open()
	time.Sleep(26 * time.Hour)
	synctest.Wait()
	if all, _ := d.x.Active(); all != 0 {
		t.Errorf("%d are left", all)
	}
	d.close()
	var latest time.Duration
	for id, at := range want {
		times := d.begun[id]
		if len(times) != 1 || times[0].Before(at) || times[0].Sub(at) > time.Second {
			t.Fatalf("a call of %s began at %v", at, times)
		}
		latest = max(latest, times[0].Sub(at))
	}
	t.Logf("%d calls began, the latest %s after its time; while they waited they took %.1f MiB", len(d.begun), latest, float64(used)/(1<<20))
}

// inUse is the memory that is reachable.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
