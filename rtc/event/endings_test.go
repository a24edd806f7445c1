package event

import (
	"fmt"
	"testing"

	"tandem/rtc"
)

// Why many parts ended is not kept for ever, and of one that was there twice the last
// time counts.
func TestEndingsAreBounded(t *testing.T) {
	e := NewEndings()
	for i := range 3 * maxResources {
		e.Add(rtc.AOR(fmt.Sprint(i)), "a", "rejected")
	}
	for i := range 3 * maxEndings {
		e.Add("last", fmt.Sprint(i), "rejected")
	}
	if len(e.m) > maxResources || len(e.m["last"]) > maxEndings {
		t.Errorf("%d resources, %d endings of one", len(e.m), len(e.m["last"]))
	}
	e.Add("last", fmt.Sprint(3*maxEndings-2), "expired")
	if e.Of("last", fmt.Sprint(3*maxEndings-1)) != "rejected" || e.Of("last", fmt.Sprint(3*maxEndings-2)) != "expired" || e.Of("last", "0") != "" || e.Of("nobody", "0") != "" {
		t.Error("the last are not kept, or the first are")
	}
}
