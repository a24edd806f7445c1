package lab

import (
	"bytes"
	"testing"
	"time"

	"tandem/interop/suite"
)

// outcomes are what the suite reports of this server. A row that is no longer
// run, or that is run at last, has to be noted here.
var outcomes = map[suite.Outcome]int{suite.Passed: 306, suite.Partly: 53, suite.Unverified: 112, suite.NotRun: 15, suite.Nothing: 7}

// TestInterop runs every behaviour that can be run against a server of its own.
func TestInterop(t *testing.T) {
	rows, err := suite.Rows()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	results, err := suite.Run(t.Context(), &l.Target, rows, suite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := suite.NewReport("this server", time.Now(), results)
	if r.Counts[suite.Failed] > 0 {
		var text bytes.Buffer
		r.Summary(&text)
		t.Error(text.String())
	}
	for _, o := range suite.Outcomes {
		if r.Counts[o] != outcomes[o] {
			t.Errorf("%d rows %s, want %d", r.Counts[o], o, outcomes[o])
		}
	}
}
