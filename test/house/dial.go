package house

import (
	"context"
	"testing"
	"time"

	"tandem/cmd/tandem/softphone"
	"tandem/test/harness"
)

// Dialling is a call on its way.
type Dialling struct {
	Call *softphone.Call
	Err  error
	Rang chan int      // the provisional codes
	Done chan struct{} // closed once Call or Err stands
}

// Dial begins a call.
func Dial(e *harness.Endpoint, ctx context.Context, to string) *Dialling {
	d := &Dialling{Rang: make(chan int, 16), Done: make(chan struct{})}
	go func() {
		defer close(d.Done)
		d.Call, d.Err = e.Dial(ctx, to, softphone.DialOptions{Progress: func(code int, _ string) { d.Rang <- code }})
	}()
	return d
}

// Ended waits for an end, and says what it is that does not end.
func Ended(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(harness.Patience):
		t.Errorf("%s does not end", what)
	}
}
