package gateways

import "testing"

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		code   int
		reason string
		rang   bool
		next   bool
	}{
		{0, "", false, true},
		{0, "", true, false},
		{302, "", false, true},
		{401, "", false, true},
		{403, "", false, false},
		{403, "Q.850;cause=34", false, true},
		{404, "", false, false},
		{408, "", false, true},
		{408, "", true, false},
		{410, "", false, false},
		{480, "", false, false},
		{483, "", false, false},
		{484, "", false, false},
		{486, "", true, false},
		{487, "", true, false},
		{488, "", false, true},
		{499, "", false, false},
		{500, "", false, true},
		{503, "", false, true},
		{599, "", false, true},
		{600, "", false, false},
		{603, "", false, false},
		{606, "", false, true},
		{699, "", false, false},
		// the cause says more than the status
		{500, "Q.850;cause=17", false, false},
		{503, "Q.850;cause=1;text=\"Unallocated\"", false, false},
		{404, "Q.850;cause=3", false, true},
		{480, "Q.850 ;cause=34", false, true}, // a blank in front, as AudioCodes writes it
		{403, "q.850; Cause = 21", false, false},
		{486, "SIP;cause=503, Q.850;cause=47", false, true},
		{503, "SIP;cause=17", false, true},
		// and where it does not, the status counts
		{503, "Q.850;cause=31", false, true},
		{480, "Q.850;cause=31", false, false},
		{503, "Q.850;cause=16", false, true},
		{503, "Q.850;cause=127", false, true},
		{503, "Q.850;cause=999", false, true},
		{503, "Q.850;cause=", false, true},
		{503, ";;,Q.850", false, true},
	} {
		if f := FailureOf(c.code, c.reason, c.rang); f.Next != c.next || f.Why == "" {
			t.Errorf("%d %q: %+v, want %t", c.code, c.reason, f, c.next)
		}
	}
}

func FuzzFailureOf(f *testing.F) {
	f.Add(503, "SIP;cause=503, Q.850;cause=47;text=\"a,b;c\"", true)
	f.Fuzz(func(t *testing.T, code int, reason string, rang bool) {
		if FailureOf(code, reason, rang).Why == "" {
			t.Fatal("no reason")
		}
	})
}
