package q850

import (
	"fmt"
	"strings"
	"testing"
)

// toSIP are the rows of RFC 3398 §7.2.4.1. 16 is a BYE there, and has no status.
const toSIP = `1 404, 2 404, 3 404, 17 486, 18 408, 19 480, 20 480, 21 403, 22 410, 23 410, 26 404, 27 502, 28 484, 29 501, 31 480,
	34 503, 38 503, 41 503, 42 503, 47 503, 55 403, 57 403, 58 503, 65 488, 70 488, 79 501, 87 403, 88 503, 102 504, 111 500, 127 500`

// toISUP are the rows of RFC 3398 §8.2.6.1.
const toISUP = `400 41, 401 21, 402 21, 403 21, 404 1, 405 63, 406 79, 407 21, 408 102, 410 22, 413 127, 414 127, 415 79, 416 127,
	420 127, 421 127, 423 127, 480 18, 481 41, 482 25, 483 25, 484 28, 485 1, 486 17, 500 41, 501 79, 502 38, 503 41, 504 102, 505 127,
	513 127, 600 17, 603 21, 604 1`

func rows(t *testing.T, text string, check func(from, to int)) {
	t.Helper()
	for r := range strings.SplitSeq(text, ",") {
		var from, to int
		if _, err := fmt.Sscan(r, &from, &to); err != nil {
			t.Fatalf("%q: %v", r, err)
		}
		check(from, to)
	}
}

func TestRowsToSIP(t *testing.T) {
	rows(t, toSIP, func(cause, status int) {
		if got := Cause(cause).Status(); got != status {
			t.Errorf("cause %d is told by %d, want %d", cause, got, status)
		}
	})
	for _, c := range []Cause{0, 5, 126, 128, -1} {
		if got := c.Status(); got != 500 {
			t.Errorf("cause %d is told by %d", c, got)
		}
	}
}

func TestRowsFromSIP(t *testing.T) {
	rows(t, toISUP, func(status, cause int) {
		if got := OfStatus(status); got != Cause(cause) {
			t.Errorf("%d is cause %d, want %d", status, got, cause)
		}
	})
	for status, want := range map[int]Cause{200: 16, 202: 16, 487: 16, 488: 65, 606: 65, 433: 21, 499: 31, 699: 31, 302: 31, 0: 31} {
		if got := OfStatus(status); got != want {
			t.Errorf("%d is cause %d, want %d", status, got, want)
		}
	}
}

// Every row has a text of its own, fit for a header, and every cause of a status has
// a row.
func TestTexts(t *testing.T) {
	seen := map[Cause]bool{}
	for i, r := range table {
		if i > 0 && table[i-1].cause >= r.cause {
			t.Errorf("cause %d is out of order", r.cause)
		}
		seen[r.cause] = true
		if r.cause.Text() == "" || strings.ContainsAny(r.text, "\"\\\r\n") || r.status < 400 || r.status > 599 {
			t.Errorf("cause %d: %+v", r.cause, r)
		}
		if got := Read(r.cause.Reason()); got != r.cause {
			t.Errorf("%s is read as %d", r.cause.Reason(), got)
		}
	}
	for status, c := range statuses {
		if !seen[c] {
			t.Errorf("cause %d of status %d has no row", c, status)
		}
	}
	if got := Cause(124).Text(); got != "The network gave cause 124" {
		t.Errorf("one that is not known: %s", got)
	}
}

func TestRead(t *testing.T) {
	for text, want := range map[string]Cause{
		"":                                   0,
		`Q.850;cause=17;text="User busy"`:    17,
		`q.850 ; cause = "38"`:               38,
		`SIP;cause=486, Q.850;cause=34`:      34,
		`SIP;cause=200;text="elsewhere"`:     0,
		"Q.850":                              0,
		"Q.850;cause=999":                    0,
		"Q.850;cause=-1":                     0,
		"Q.850;cause=x, Q.850;cause=16":      16,
		`Q.850;cause=16;text="a, b;cause=3"`: 16,
	} {
		if got := Read(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`Q.850;cause=17;text="User busy"`)
	f.Add(",;=,Q.850;cause=")
	f.Fuzz(func(t *testing.T, text string) {
		if c := Read(text); c < 0 || c > 127 {
			t.Errorf("%q: %d", text, c)
		}
	})
}
