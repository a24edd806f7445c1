package media

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// descriptors counts open files of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// settled counts open files and goroutines when what earlier tests closed has
// ended: a port closes for good with the goroutine that reads it.
func settled(t *testing.T) (files, routines int) {
	t.Helper()
	for same := 0; same < 20; same++ {
		if f, r := descriptors(t), runtime.NumGoroutine(); f != files || r != routines {
			files, routines, same = f, r, 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	return files, routines
}

// TestNothingLeaks opens and closes 20,000 sessions that convert, protect and
// play, and finds sockets, goroutines and memory where they were.
func TestNothingLeaks(t *testing.T) {
	rounds := 20000
	if testing.Short() {
		rounds = 500
	}
	s := start(t, func(c *Config) { c.PortMin, c.PortMax = 33000, 40999 })
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcma, 1000)
	one := func(n int) {
		session, err := s.Open(fmt.Sprint(n), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		want := Want{}
		switch n % 4 {
		case 1:
			want.Codecs = []string{"PCMA"} // converts
		case 2:
			want.Security = SecuritySDES
		}
		if _, err = session.Offer(A, a.sdp(), want); err != nil {
			t.Fatalf("session %d: %v", n, err)
		}
		if n%4 == 3 {
			return // refused: closed before any answer
		}
		other := b
		if n%4 == 0 {
			other = a
		}
		if n%4 != 2 {
			if _, err = session.Answer(B, other.sdp(), Want{}); err != nil {
				t.Fatalf("session %d: %v", n, err)
			}
		}
	}
	figures := func() (files, routines int, heap uint64) {
		for range 50 { // what is closing needs a moment
			runtime.GC()
			time.Sleep(20 * time.Millisecond)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return descriptors(t), runtime.NumGoroutine(), m.HeapAlloc
	}
	for n := range 1000 {
		one(n)
	}
	files, routines, heap := figures()
	began := time.Now()
	for n := range rounds {
		one(n)
	}
	t.Logf("%d sessions in %v", rounds, time.Since(began).Round(time.Millisecond))
	files2, routines2, heap2 := figures()
	more := func() bool { return files2 > files || routines2 > routines || heap2 > heap+2<<20 }
	for n := 0; n < 10 && more(); n++ {
		files2, routines2, heap2 = figures()
	}
	t.Logf("before: %d files, %d goroutines, %d KiB; after: %d, %d, %d KiB", files, routines, heap>>10, files2, routines2, heap2>>10)
	if more() {
		t.Errorf("something stays: files %d to %d, goroutines %d to %d, heap %d to %d KiB", files, files2, routines, routines2, heap>>10, heap2>>10)
	}
	if n := len(s.Sessions()); n > 0 {
		t.Errorf("%d sessions are still known", n)
	}
}
