package sqlstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/party"
	"tandem/pint/service"
	"tandem/pint/sqlstore"
	"tandem/rtc"
	"tandem/rtc/store"
)

// clock is telephony that notes when calls begin.
type clock struct {
	mu    sync.Mutex
	late  []time.Duration
	at    time.Time
	begun chan struct{}
}

func (c *clock) Connect(pint.Call, func(pint.Progress)) (pint.Handle, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late = append(c.late, time.Since(c.at)); len(c.late) == cap(c.late) {
		close(c.begun)
	}
	return handle{}, nil
}

type handle struct{}

func (handle) Hangup(string)                          {}
func (handle) Proceed()                               {}
func (handle) Speak(bool, []string)                   {}
func (handle) Record(context.Context) (string, error) { return "", nil }

// everybody may call everybody.
type everybody struct{}

func (everybody) Resolve(_ rtc.AOR, p *party.Party) (pint.Destination, error) {
	return pint.Destination{To: p.Number, Own: true}, nil
}
func (everybody) May(rtc.AOR, pint.Destination) error { return nil }
func (everybody) Provider(string) error               { return nil }

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScheduledStart has 10,000 calls that are on disk begin at the same moment, and
// tells how late the last one is.
func BenchmarkScheduledStart(b *testing.B) {
	const calls = 10_000
	db, err := store.Open(b.Context(), "sqlite://"+filepath.Join(b.TempDir(), "b.db"), slog.New(slog.DiscardHandler), sqlstore.Migrations)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	kept, err := sqlstore.New(db, make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	table, err := service.New([]service.Service{{Name: "R2C", Kind: service.Call, Limits: service.Limits{PerMinute: calls, Waiting: calls, AtOnce: calls}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := &clock{late: make([]time.Duration, 0, calls), at: time.Now().Add(15 * time.Second), begun: make(chan struct{})}
		x := executive.New(executive.Config{Store: kept, Telephony: c, Rights: everybody{}, Services: table})
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = x.Run(ctx) }()
		var wg sync.WaitGroup
		for n := range calls {
			o := pint.Order{Service: "R2C", Door: pint.REST, By: rtc.AOR(fmt.Sprintf("sip:user%d@example.com", n%200)), At: c.at, Zone: "Europe/Berlin",
				A: party.Party{Number: fmt.Sprintf("+4940%06d", n)}, B: party.Party{Number: fmt.Sprintf("+4930%06d", n)}}
			wg.Add(1)
			for {
				if err := x.Accept(o, true, func(_ pint.Session, err error) {
					if err != nil {
						b.Error(err)
					}
					wg.Done()
				}); err == nil {
					break
				}
				time.Sleep(11 * time.Millisecond) // the store takes no more just now
			}
		}
		wg.Wait()
		if left := time.Until(c.at); left < 0 {
			b.Fatalf("taking them on took %s too long", -left)
		}
		time.Sleep(time.Until(c.at) - 50*time.Millisecond)
		before := cpu()
		<-c.begun
		b.ReportMetric(float64((cpu() - before).Milliseconds()), "cpu-ms")
		stop()
		<-ended
		b.ReportMetric(float64(c.late[0].Microseconds())/1000, "first-ms")
		b.ReportMetric(float64(c.late[len(c.late)-1].Microseconds())/1000, "last-ms")
	}
}
