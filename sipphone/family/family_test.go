package family

import "testing"

// TestLoad: every family reads, and its files keep what hostile texts hold in
// their place.
func TestLoad(t *testing.T) {
	s, errs := Load("", nil)
	for _, err := range errs {
		t.Error(err)
	}
	for _, f := range s.All() {
		if f.Title == "" || f.Evidence == "" || len(f.SIPAgents) == 0 {
			t.Errorf("%s: title, evidence or SIP agents missing", f.Name)
		}
	}
	if len(s.All()) != 14 {
		t.Errorf("%d families", len(s.All()))
	}
}
