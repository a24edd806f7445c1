package realtime

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// Attempts is how often a measurement is made on a machine that is too slow.
const Attempts = 3

// floor is held by those that measure: by all who do so for the first time, and
// by one alone that does so again.
var floor sync.RWMutex

// Measure makes a measurement that depends on real time; it returns what is
// wrong. When the machine kept up, that is a failure. When it did not, the
// measurement proves nothing: it is made again with no other of this process
// beside it, and in the end the test fails because the machine is too slow.
func Measure(t *testing.T, measurement func(t *testing.T) (wrong []string)) {
	t.Helper()
	for n := 1; ; n++ {
		wrong, late, ok := once(t, n, measurement)
		if !ok {
			return // something else than the measurement has failed
		}
		again, failure := judge(n, wrong, late)
		if failure != "" {
			t.Error(failure)
		}
		if !again {
			return
		}
		t.Logf("made again, since programs were woken up to %v late: %q", late, wrong)
	}
}

// judge says whether the n-th measurement is to be made again; else how it
// failed, if it did.
func judge(n int, wrong []string, late time.Duration) (again bool, failure string) {
	switch {
	case len(wrong) == 0:
		return false, ""
	case late <= Tolerable:
		return false, strings.Join(wrong, "\n")
	case n < Attempts:
		return true, ""
	}
	return false, TooSlow(late) + "\n" + strings.Join(wrong, "\n")
}

// TooSlow is what to say of a machine that never kept up.
func TooSlow(late time.Duration) string {
	return fmt.Sprintf("this machine is too slow for the measurement, which was made %d times: programs that wait for the next packet were woken up to %v late, and %v may be. Run the test with less beside it. What was wrong the last time:", Attempts, late.Round(time.Millisecond), Tolerable)
}

func once(t *testing.T, n int, measurement func(t *testing.T) []string) (wrong []string, late time.Duration, ok bool) {
	if n == 1 {
		floor.RLock()
		defer floor.RUnlock()
	} else {
		floor.Lock()
		defer floor.Unlock()
	}
	pace := Watch()
	ok = t.Run(fmt.Sprint("measurement ", n), func(t *testing.T) { wrong = measurement(t) })
	return wrong, pace.End(), ok
}
