package realtime

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A machine that stands still is found out, one that keeps up is not.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Watch()
		time.Sleep(time.Minute)
		if late := p.End(); late != 0 {
			t.Errorf("%v late where nothing delays it", late)
		}
	})
	p := &Pace{}
	p.note(5 * time.Millisecond)
	p.note(70 * time.Millisecond)
	p.note(-time.Millisecond)
	if p.Worst() != 70*time.Millisecond {
		t.Errorf("worst %v", p.Worst())
	}
}

// What is right is measured once; what is wrong is measured again on a slow
// machine alone, and not more often than Attempts.
func TestJudge(t *testing.T) {
	bad := []string{"bad"}
	for _, c := range []struct {
		name  string
		n     int
		wrong []string
		late  time.Duration
		again bool
		says  string // "" passes
	}{
		{"right", 1, nil, 0, false, ""},
		{"right on a slow machine", 1, nil, time.Second, false, ""},
		{"wrong", 1, bad, Tolerable, false, "bad"},
		{"wrong on a slow machine", 1, bad, time.Second, true, ""},
		{"wrong again", Attempts - 1, bad, time.Second, true, ""},
		{"wrong to the end", Attempts, bad, time.Second, false, "too slow"},
	} {
		again, failure := judge(c.n, c.wrong, c.late)
		if again != c.again || (failure == "") != (c.says == "") || !strings.Contains(failure, c.says) {
			t.Errorf("%s: again %v, %q", c.name, again, failure)
		}
	}
}
