package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A contact full of parameters is not compared each with each: that took
// seconds of a reader loop for one REGISTER.
func TestEqualURICost(t *testing.T) {
	for _, form := range []struct{ scheme, start, sep, long string }{
		{"sip:a@b", ";", ";", ""}, {"sip:a@b", "?", "&", "=x"}, {"tel:+1", ";", ";", ""}, {"sip:a@b", ";", ";", strings.Repeat("n", 500)},
	} {
		var there, back []string
		for i := 0; len(strings.Join(there, form.sep)) < 30000; i++ {
			name := fmt.Sprintf("%sp%d%s", form.long, i, form.long)
			there, back = append(there, name), append([]string{name}, back...)
			if form.sep == "&" || form.long == "" {
				for range 40 {
					i++
					name := fmt.Sprintf("p%d%s", i, form.long)
					there, back = append(there, name), append([]string{name}, back...)
				}
			}
		}
		a, err := ParseURI([]byte(form.scheme + form.start + strings.Join(there, form.sep)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseURI([]byte(form.scheme + form.start + strings.Join(back, form.sep)))
		if err != nil {
			t.Fatal(err)
		}
		took := time.Hour
		for range 20 { // the best of them: on a busy machine another program may take its turn meanwhile
			began := time.Now()
			if !EqualURI(a, a) || EqualURI(a, b) {
				t.Errorf("%s%s: compared beyond reason", form.scheme, form.start)
			}
			if took = min(took, time.Since(began)); took <= 20*time.Millisecond {
				break
			}
		}
		if took > 20*time.Millisecond {
			t.Errorf("%s%s with %d parameters: %v", form.scheme, form.start, len(there), took)
		}
	}
}
