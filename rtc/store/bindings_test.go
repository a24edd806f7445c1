package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
)

func TestBindingsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openAt(t, path)
	two := []location.Binding{binding(1), binding(2)}
	two[1].Path = "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>"
	two[1].RegID, two[1].Device = 3, "desk"
	two[1].Flow.Remote = netip.MustParseAddrPort("[2001:db8::1]:5061")
	if err := put(t, db, "sip:a@example.com", two...); err != nil {
		t.Fatal(err)
	}
	if err := put(t, db, "sip:b@example.com", binding(3)); err != nil {
		t.Fatal(err)
	}
	if err := put(t, db, "sip:b@example.com"); err != nil { // none: forget it
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path)
	defer db.Close()
	got := all(t, db)
	want := map[rtc.AOR][]location.Binding{"sip:a@example.com": two}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after reopening\n got %+v\nwant %+v", got, want)
	}
}

func TestEndedRowsAreDeletedByLoad(t *testing.T) {
	db, _ := open(t)
	b := binding(1)
	b.Expires = time.Now().Add(-time.Second)
	if err := put(t, db, aorOf(1), b); err != nil {
		t.Fatal(err)
	}
	if got := all(t, db); len(got) != 0 {
		t.Errorf("loaded %v", got)
	}
	var rows int
	if err := db.read.QueryRow("SELECT count(*) FROM bindings").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows left, %v", rows, err)
	}
}

func TestUnreadableRowIsLeftAloneAndTheRestLoaded(t *testing.T) {
	db, _ := open(t)
	if err := put(t, db, aorOf(1), binding(1)); err != nil {
		t.Fatal(err)
	}
	err := db.change(context.Background(), func(ctx context.Context, tx execer) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO bindings VALUES ($1, $2, $3)", "sip:x@example.com", []byte{99, 1, 2}, int64(1)<<60)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, db); len(got) != 1 || got[aorOf(1)] == nil {
		t.Errorf("loaded %v", got)
	}
}

// Many puts of one AOR while the writer is busy become one row written, each is
// acknowledged, and the last one wins.
func TestPutsOfOneKeyCoalesce(t *testing.T) {
	db, _ := open(t)
	hold, held := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() {
		blocked <- db.change(context.Background(), func(context.Context, execer) error { close(held); <-hold; return nil })
	}()
	<-held
	const puts = 50
	var acked sync.WaitGroup
	var mu sync.Mutex
	var order []int
	for i := range puts {
		acked.Add(1)
		err := db.PutBindings("sip:a@example.com", []location.Binding{binding(i)}, func(err error) {
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			order = append(order, i)
			mu.Unlock()
			acked.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(hold)
	if err := <-blocked; err != nil {
		t.Fatal(err)
	}
	acked.Wait()
	for i, n := range order {
		if i != n {
			t.Fatalf("acknowledged out of order: %v", order)
		}
	}
	if s := db.Stats(); s.Coalesced != puts-1 || s.Rows != 2 || s.Queued != 0 {
		t.Errorf("stats %+v", s)
	}
	if got := all(t, db)["sip:a@example.com"]; len(got) != 1 || got[0].CSeq != puts-1 {
		t.Errorf("kept %+v", got)
	}
}

func TestQueueIsBounded(t *testing.T) {
	db, _ := open(t)
	hold, held := make(chan struct{}), make(chan struct{})
	go db.change(context.Background(), func(context.Context, execer) error { close(held); <-hold; return nil })
	<-held
	var acked sync.WaitGroup
	list := []location.Binding{{Contact: "<sip:a@b>", URI: "sip:a@b", Expires: time.Now().Add(time.Hour)}}
	refused := 0
	for i := range maxQueued + 10 {
		acked.Add(1)
		if err := db.PutBindings(aorOf(i), list, func(error) { acked.Done() }); err != nil {
			acked.Done()
			refused++
			if !errors.Is(err, ErrQueueFull) {
				t.Fatal(err)
			}
		}
	}
	if refused != 11 { // the held one counts too
		t.Errorf("%d refused", refused)
	}
	if p := db.Pressure(); p != 1 {
		t.Errorf("pressure %v", p)
	}
	close(hold)
	acked.Wait()
	if err := put(t, db, "sip:z@example.com", binding(1)); err != nil {
		t.Error(err)
	}
}

func TestCloseWritesTheQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openAt(t, path)
	const n = 3000
	var mu sync.Mutex
	acked := 0
	for i := range n {
		if err := db.PutBindings(aorOf(i), []location.Binding{binding(i)}, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				acked++
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
	if err := db.PutBindings("sip:a@b", nil, func(error) { t.Error("called") }); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
	db = openAt(t, path)
	defer db.Close()
	if got := len(all(t, db)); got != n {
		t.Errorf("%d of %d kept", got, n)
	}
}

// A process is killed in the middle of its writes; whatever it had
// acknowledged is there, and the file is sound.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	total := 0
	for round := range 3 {
		acked := killWriter(t, path, round)
		db := openAt(t, path)
		got := all(t, db)
		for _, n := range acked {
			if list := got[aorOf(n)]; len(list) != 1 || list[0].CSeq != uint32(n) {
				t.Errorf("round %d: acknowledged binding %d is lost: %v", round, n, list)
			}
		}
		var check string
		if err := db.read.QueryRow("PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
			t.Errorf("round %d: integrity %q %v", round, check, err)
		}
		total += len(acked)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged writes checked", total)
}

func killWriter(t *testing.T, path string, round int) (acked []int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "TANDEM_STORE_WRITER="+path, "TANDEM_STORE_FROM="+strconv.Itoa(round*1_000_000))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // cut in the middle by the kill
		}
		acked = append(acked, n)
		if len(acked) == 2000 {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if len(acked) < 2000 {
		t.Fatalf("the child ended after %d", len(acked))
	}
	return acked[:len(acked)-1] // the last line may be a cut number
}

// writeForEver is the child: it prints the number of each acknowledged binding.
func writeForEver(path string) {
	from, _ := strconv.Atoi(os.Getenv("TANDEM_STORE_FROM"))
	db, err := Open(context.Background(), "sqlite://"+path, quiet())
	if err != nil {
		fmt.Println(err)
		return
	}
	window := make(chan struct{}, 64)
	for n := from; ; n++ {
		window <- struct{}{}
		err := db.PutBindings(aorOf(n), []location.Binding{binding(n)}, func(err error) {
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
			db, _ := open(b)
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
				if err := db.PutBindings(aorOf(n), list, func(err error) {
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
			s := db.Stats()
			b.ReportMetric(float64(s.Rows)/float64(s.Batches), "rows/batch")
		})
	}
}
