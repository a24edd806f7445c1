package storetest

import (
	"context"
	"reflect"
	"testing"

	"tandem/rtc"
)

// PINStore is hotdesk.Store, whose package imports this one in its tests.
type PINStore interface {
	PINs(ctx context.Context, each func(user rtc.AOR, generation int)) error
	PutPIN(ctx context.Context, user rtc.AOR, generation int) error
}

// PINs checks a hotdesk.Store. open gives an empty one and a function that closes it
// and opens it again with what it kept.
func PINs(t *testing.T, open func(t *testing.T) (s PINStore, again func() PINStore)) {
	s, again := open(t)
	must(t, s.PutPIN(t.Context(), "sip:alice@example.com", 1))
	must(t, s.PutPIN(t.Context(), "sip:alice@example.com", 7))
	must(t, s.PutPIN(t.Context(), "sip:bob@example.com", 1))
	must(t, s.PutPIN(t.Context(), "sip:bob@example.com", 0))
	must(t, s.PutPIN(t.Context(), "sip:carol@example.com", 0))
	got := make(map[rtc.AOR]int)
	must(t, again().PINs(t.Context(), func(user rtc.AOR, generation int) { got[user] = generation }))
	if want := map[rtc.AOR]int{"sip:alice@example.com": 7}; !reflect.DeepEqual(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
}
