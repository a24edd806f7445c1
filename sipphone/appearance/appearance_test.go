package appearance

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc"
)

// TestBoard: a call takes what was seized, else what is free; what is full shows no
// more; what ended is free; lines that are not shared show nothing.
func TestBoard(t *testing.T) {
	told := 0
	b := New(func(line rtc.AOR) bool { return line == "sip:sales@x" }, func(rtc.AOR) { told++ })
	shows := func(want string) {
		t.Helper()
		if got := string(b.document("sip:sales@x", "").Header); got != "Call-Info: "+want+"<sip:sales@x>;appearance-index=*;appearance-state=idle\r\n" {
			t.Errorf("%s, want %s", got, want)
		}
	}
	b.Set("sip:alice@x", "1", Progressing, "")
	shows("")
	if !b.seize("sip:sales@x", "sub", 3) || b.seize("sip:sales@x", "other", 3) || b.seize("sip:sales@x", "other", Most+1) || !b.seize("sip:sales@x", "sub", 3) {
		t.Error("seizing")
	}
	shows("<sip:sales@x>;appearance-index=3;appearance-state=seized,")
	b.Set("sip:sales@x", "1", Progressing, "sip:bob@x")
	b.release("sip:sales@x", "sub")
	b.Set("sip:sales@x", "2", Alerting, "")
	shows(`<sip:sales@x>;appearance-index=1;appearance-state=alerting,<sip:sales@x>;appearance-index=3;appearance-state=progressing;appearance-uri="<sip:bob@x>",`)
	before := told
	b.Set("sip:sales@x", "2", Alerting, "")
	if told != before {
		t.Error("told of no change")
	}
	for i := range Most + 2 {
		b.Set("sip:sales@x", fmt.Sprint("more", i), Active, "")
	}
	if got := string(b.document("sip:sales@x", "").Header); strings.Count(got, "appearance-index") != Most+1 || b.seize("sip:sales@x", "late", 0) {
		t.Errorf("full: %s", got)
	}
	for i := range Most + 2 {
		b.Set("sip:sales@x", fmt.Sprint("more", i), Idle, "")
	}
	b.Set("sip:sales@x", "1", Idle, "")
	b.Set("sip:sales@x", "2", Idle, "")
	b.release("sip:sales@x", "nobody")
	shows("")
	if len(b.lines) != 0 {
		t.Errorf("%d lines are kept", len(b.lines))
	}
}
