package storetest

import (
	"reflect"
	"testing"

	"tandem/rtc"
	"tandem/sipphone/waiting"
)

// Waiting checks a waiting.Store. open gives an empty one and a function that
// closes it and opens it again with what it kept.
func Waiting(t *testing.T, open func(t *testing.T) (s waiting.Store, again func() waiting.Store)) {
	s, again := open(t)
	for _, c := range []struct {
		user   rtc.AOR
		counts waiting.Counts
	}{
		{"sip:bob@example.com", waiting.Counts{New: 1}},
		{"sip:alice@example.com", waiting.Counts{New: 4, Old: 3, UrgentNew: 2, UrgentOld: 1}},
		{"sip:carol@example.com", waiting.Counts{New: 1}},
		{"sip:carol@example.com", waiting.Counts{}},
		{"sip:bob@example.com", waiting.Counts{Old: 1}},
		{"sip:dave@example.com", waiting.Counts{}},
	} {
		must(t, s.PutCounts(t.Context(), c.user, c.counts))
	}
	got := make(map[rtc.AOR]waiting.Counts)
	must(t, again().Counts(t.Context(), func(user rtc.AOR, c waiting.Counts) { got[user] = c }))
	want := map[rtc.AOR]waiting.Counts{"sip:alice@example.com": {New: 4, Old: 3, UrgentNew: 2, UrgentOld: 1}, "sip:bob@example.com": {Old: 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kept %+v, want %+v", got, want)
	}
}
