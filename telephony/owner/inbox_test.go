package owner

import "testing"

// Events are done in order by one owner at a time; what a peer can repeat at will
// is bounded, and what the call cannot do without always finds room.
func TestInbox(t *testing.T) {
	owners := NewCrew()
	b := Inbox{Crew: owners}
	hold, held := make(chan struct{}), make(chan struct{})
	b.Must(func() { close(held); <-hold })
	<-held
	var done []int
	for i := range maxWaiting {
		if !b.Post(func() { done = append(done, i) }) {
			t.Fatalf("event %d finds no room", i)
		}
	}
	if b.Post(func() {}) {
		t.Error("the inbox has no bound")
	}
	b.Must(func() { done = append(done, maxWaiting) })
	close(hold)
	owners.busy.Wait()
	if len(done) != maxWaiting+1 {
		t.Fatalf("%d events were done, want %d", len(done), maxWaiting+1)
	}
	for i, n := range done {
		if i != n {
			t.Fatalf("done in the order %v", done)
		}
	}
	b.Close()
	if b.Post(func() { t.Error("done after the end") }) {
		t.Error("a closed inbox takes an event")
	}
	owners.End()
}
