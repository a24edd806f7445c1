package dialroom

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc"
	"tandem/telephony/routing"
)

// However many calls in other names a user tries to make, two of a minute are told, the
// second with how many they were; and of others the first is told at once.
func TestBurstOfImpostors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string
		x := impostors{tell: func(r routing.Refusal) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(r.User, " ", r.Dialled, r.Why))
		}}
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(told, "|"); got != strings.Join(want, "|") {
				t.Errorf("told %q, want %q", told, want)
			}
			told = nil
		}
		for n := range 500 {
			x.tried(routing.Refusal{User: "a", Dialled: fmt.Sprint(n)})
			time.Sleep(100 * time.Millisecond)
		}
		x.tried(routing.Refusal{User: "b", Dialled: "x"})
		expect("a 0", "b x")
		time.Sleep(10*time.Second + time.Millisecond)
		expect("a 499; 499 such calls since the first was reported")
		time.Sleep(time.Hour)
		expect() // b's was one
		x.tried(routing.Refusal{User: "a", Dialled: "again"})
		expect("a again")
		x.tried(routing.Refusal{User: "a", Dialled: "and again"})
		x.endAll()
		time.Sleep(time.Hour)
		expect("a and again; 1 such calls since the first was reported")
	})
}

// The table is bounded: users beyond it are counted as one.
func TestManyImpostors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		x := impostors{tell: func(routing.Refusal) { told++ }}
		for n := range 3 * maxBursts {
			x.tried(routing.Refusal{User: rtc.AOR(fmt.Sprint(n))})
		}
		if len(x.bursts) != maxBursts+1 || told != maxBursts+1 {
			t.Errorf("%d bursts, %d told", len(x.bursts), told)
		}
		x.endAll()
		if len(x.bursts) != 0 || told != maxBursts+2 {
			t.Errorf("at the end %d bursts, %d told", len(x.bursts), told)
		}
	})
}
