package storetest

import (
	"testing"
	"time"

	"tandem/rtc/event/winfo"
)

// RunWaiting checks a winfo.Store. open gives an empty one and a function that opens it
// again with what it kept.
func RunWaiting(t *testing.T, open func(t *testing.T) (s winfo.Store, again func() winfo.Store)) {
	s, again := open(t)
	now := time.Now().Truncate(time.Millisecond)
	eve := winfo.Waiter{Resource: "sip:bob@example.com", Watcher: "sip:eve@example.com", ID: "7", Proved: true, Since: now}
	later := winfo.Waiter{Resource: eve.Resource, Watcher: eve.Watcher, ID: "9", Since: now.Add(time.Minute)}
	other := winfo.Waiter{Resource: "sip:carol@example.com", Watcher: eve.Watcher, ID: "8", Proved: true, Since: now}
	gone := winfo.Waiter{Resource: eve.Resource, Watcher: "sip:mallory@example.com", ID: "10", Since: now}
	for _, w := range []winfo.Waiter{eve, other, gone, later} {
		wait(t, func(done func(error)) error { return s.Put(w, done) })
	}
	wait(t, func(done func(error)) error { return s.Delete(gone.Resource, gone.Watcher, done) })
	got := make(map[string]winfo.Waiter)
	if err := again().Load(t.Context(), func(w winfo.Waiter) { got[w.ID] = w }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []winfo.Waiter{later, other} {
		w := got[want.ID]
		if !w.Since.Equal(want.Since) {
			t.Errorf("since %v, want %v", w.Since, want.Since)
		}
		if w.Since = want.Since; w != want {
			t.Errorf("got %+v, want %+v", w, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}
