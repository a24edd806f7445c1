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
	b.Set("sip:alice@x", Call{ID: "1", State: Progressing})
	shows("")
	if b.seize("sip:sales@x", "sub", 3) != 3 || b.seize("sip:sales@x", "other", 3) != 0 || b.seize("sip:sales@x", "other", most+1) != 0 || b.seize("sip:sales@x", "sub", 3) != 3 {
		t.Error("seizing")
	}
	shows("<sip:sales@x>;appearance-index=3;appearance-state=seized,")
	b.Set("sip:sales@x", Call{ID: "1", State: Progressing, URI: "sip:bob@x"})
	b.release("sip:sales@x", "sub")
	b.Set("sip:sales@x", Call{ID: "2", State: Alerting})
	shows(`<sip:sales@x>;appearance-index=1;appearance-state=alerting,<sip:sales@x>;appearance-index=3;appearance-state=progressing;appearance-uri="<sip:bob@x>",`)
	before := told
	b.Set("sip:sales@x", Call{ID: "2", State: Alerting})
	if told != before {
		t.Error("told of no change")
	}
	for i := range most + 2 {
		b.Set("sip:sales@x", Call{ID: fmt.Sprint("more", i), State: Active})
	}
	if got := string(b.document("sip:sales@x", "").Header); strings.Count(got, "appearance-index") != most+1 || b.seize("sip:sales@x", "late", 0) != 0 {
		t.Errorf("full: %s", got)
	}
	for i := range most + 2 {
		b.Set("sip:sales@x", Call{ID: fmt.Sprint("more", i), State: Idle})
	}
	b.Set("sip:sales@x", Call{ID: "1", State: Idle})
	b.Set("sip:sales@x", Call{ID: "2", State: Idle})
	b.release("sip:sales@x", "nobody")
	shows("")
	if len(b.lines) != 0 {
		t.Errorf("%d lines are kept", len(b.lines))
	}
}

// TestPlaces: of two phones that have each seized an appearance, each gets its own; a
// call keeps the place at which it rings; one on hold may be seized and stays on hold.
func TestPlaces(t *testing.T) {
	b := New(func(line rtc.AOR) bool { return line == "sip:sales@x" }, func(rtc.AOR) {})
	at := func(index int, id string, want State) {
		t.Helper()
		if c, ok := b.At("sip:sales@x", index); c.ID != id || c.State != want || ok != (want != "") {
			t.Errorf("at %d: %+v, want %s %s", index, c, id, want)
		}
	}
	b.seize("sip:sales@x", "one", 1)
	b.seize("sip:sales@x", "two", 2)
	b.Set("sip:sales@x", Call{ID: "b", State: Progressing, Index: 2})
	at(1, "", Seized)
	at(2, "b", Progressing)
	if n := b.Place("sip:sales@x", "c"); n != 3 || b.Place("sip:sales@x", "c") != 3 || b.Place("sip:alice@x", "c") != 0 {
		t.Errorf("it rings at %d", n)
	}
	b.Set("sip:sales@x", Call{ID: "c", State: Active})
	at(3, "c", Active)
	if b.seize("sip:sales@x", "third", 3) != 0 {
		t.Error("where a call goes on is seized")
	}
	b.Set("sip:sales@x", Call{ID: "c", State: Held, Dialog: Dialog{"d", "l", "r"}})
	if b.seize("sip:sales@x", "third", 3) != 3 {
		t.Error("where a call is on hold cannot be seized")
	}
	at(3, "c", Held)
	b.release("sip:sales@x", "third")
	at(3, "c", Held)
	at(0, "", "")
	at(most+1, "", "")
	b.Set("sip:sales@x", Call{ID: "d", State: Progressing, Index: 3})
	at(1, "d", Progressing) // what another has is not taken
}
