package registrar

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
	"tandem/rtc/location/sqlstore"
	"tandem/rtc/sip"
	"tandem/rtc/store"
	"tandem/rtc/transport"
)

// everyone is a directory in which every address of example.com is a user.
type everyone struct{}

func (everyone) Domain(host []byte) bool { return string(host) == "example.com" }
func (everyone) Resolve(aor rtc.AOR) (directory.User, bool) {
	return directory.User{AOR: aor, Enabled: true}, true
}

type sink struct{ sent func(code int) }

func (s sink) Respond(code int, b []byte) { s.sent(code) }
func (s sink) Soon(f func())              { f() }

const benchRegister = "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK%08d;rport\r\n" +
	"From: <sip:user%06d@example.com>;tag=%d\r\nTo: <sip:user%06d@example.com>\r\nCall-ID: %d-1234567@192.0.2.4\r\n" +
	"CSeq: %010d REGISTER\r\nContact: <sip:user%06d@192.0.2.4:5060>\r\nExpires: 3600\r\nMax-Forwards: 70\r\n" +
	"User-Agent: Bench/1.0\r\nContent-Length: 0\r\n\r\n"

func benchStore(b *testing.B) *location.Location {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(context.Background(), "sqlite://"+filepath.Join(b.TempDir(), "b.db"), log, sqlstore.Migrations)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return location.New(sqlstore.New(db, log), log)
}

// A refresh that needs no write, from the parsed message to the bytes of the 200.
func BenchmarkRefresh(b *testing.B) {
	g := New(Config{Location: benchStore(b), Users: everyone{}})
	answered := make(chan int, 1)
	tx := sink{func(code int) {
		select {
		case answered <- code:
		default:
		}
	}}
	id := &rtc.Identity{}
	var messages [64]*sip.Message
	for i := range messages {
		messages[i] = new(sip.Message)
		if err := messages[i].Parse(fmt.Appendf(nil, benchRegister, i, 1, 1, 1, 1, i+1, 1)); err != nil {
			b.Fatal(err)
		}
	}
	serve := func(m *sip.Message) {
		if err := g.serve(m, id, transport.Flow{}, tx, tx); err != nil {
			b.Fatal(err)
		}
	}
	serve(messages[0])
	<-answered
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := messages[i%64]
		if i%64 == 0 { // the same CSeqs count again only with another Call-ID
			g.loc.Update("sip:user000001@example.com", func(old []location.Binding) ([]location.Binding, error) {
				n := append([]location.Binding(nil), old...)
				n[0].CSeq = 0
				return n, nil
			}, func([]location.Binding, error) {})
		}
		serve(m)
	}
	if s := g.Stats(); s.Bound != 1 || s.Failed != 0 {
		b.Errorf("%+v", s)
	}
}

// A first binding, to disk and back; parsing included, sockets not.
func BenchmarkFreshBinding(b *testing.B) {
	g := New(Config{Location: benchStore(b), Users: everyone{}})
	var open sync.WaitGroup
	var bad atomic.Int64
	window := make(chan struct{}, 512)
	tx := sink{func(code int) {
		if code != 200 {
			bad.Add(1)
		}
		<-window
		open.Done()
	}}
	id := &rtc.Identity{}
	m := new(sip.Message)
	var buf []byte
	b.ReportAllocs()
	before := cpuTime()
	n := 0
	for ; b.Loop(); n++ {
		buf = fmt.Appendf(buf[:0], benchRegister, n, n, n, n, n, 1, n)
		if err := m.Parse(buf); err != nil {
			b.Fatal(err)
		}
		window <- struct{}{}
		open.Add(1)
		if err := g.serve(m, id, transport.Flow{}, tx, tx); err != nil {
			b.Fatal(err)
		}
	}
	open.Wait()
	b.ReportMetric(float64(cpuTime()-before)/float64(n), "cpu-ns/op")
	if bad.Load() > 0 || g.loc.Count() != n {
		b.Errorf("%d failed, %d of %d bound", bad.Load(), g.loc.Count(), n)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
