package waiting_test

import (
	"errors"
	"testing"

	"tandem/rtc"
	"tandem/sipphone/storetest"
	"tandem/sipphone/waiting"
)

func TestMemory(t *testing.T) {
	storetest.Waiting(t, func(*testing.T) (waiting.Store, func() waiting.Store) {
		m := waiting.NewMemory()
		return m, func() waiting.Store { return m }
	})
}

func TestSummary(t *testing.T) {
	c := waiting.Counts{New: 2, Old: 8, UrgentNew: 1}
	const want = "Messages-Waiting: yes\r\nMessage-Account: sip:a@example.com\r\nVoice-Message: 2/8 (1/0)\r\n"
	if got := string(waiting.Summary("sip:a@example.com", c)); got != want {
		t.Errorf("%q", got)
	}
}

func TestSet(t *testing.T) {
	store := waiting.NewMemory()
	changed, pushed := 0, 0
	b := waiting.New(waiting.Config{Store: store, Changed: func(rtc.AOR) { changed++ }, Push: func(rtc.AOR, waiting.Counts) { pushed++ }})
	for _, bad := range []waiting.Counts{{New: -1}, {New: 1, UrgentNew: 2}, {Old: 10000}} {
		if err := b.Set(t.Context(), "sip:a@example.com", bad); !errors.Is(err, waiting.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for range 2 { // the second changes nothing
		if err := b.Set(t.Context(), "sip:a@example.com", waiting.Counts{New: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if changed != 1 || pushed != 1 {
		t.Errorf("changed %d, pushed %d", changed, pushed)
	}
	again := waiting.New(waiting.Config{Store: store})
	if err := again.Load(t.Context()); err != nil || again.Of("sip:a@example.com").New != 1 {
		t.Errorf("%+v, %v", again.Of("sip:a@example.com"), err)
	}
}
