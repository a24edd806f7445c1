package settings_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tandem/telephony/settings"
)

const alice = "sip:alice@example.com"

func table(t *testing.T, s settings.Store) *settings.Table {
	t.Helper()
	table := settings.New(s, slog.New(slog.DiscardHandler))
	if err := table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return table
}

// What is changed holds at once and after a restart; what is taken back leaves no row.
func TestChange(t *testing.T) {
	store := settings.NewMemory()
	one := table(t, store)
	if got := one.Of(alice); !got.IsZero() || got.AOR != alice {
		t.Errorf("before anything: %+v", got)
	}
	_, err := one.Change(t.Context(), alice, func(u *settings.User) error { u.NoAnswer, u.RingTime = " bob ", 20*time.Second; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*settings.Table{one, table(t, store)} {
		if got := c.Of(alice); got.NoAnswer != "bob" || got.RingTime != 20*time.Second {
			t.Errorf("%+v", got)
		}
	}
	if err := one.Forget(t.Context(), alice); err != nil || !one.Of(alice).IsZero() || !table(t, store).Of(alice).IsZero() {
		t.Errorf("after Forget: %v, %+v", err, one.Of(alice))
	}
}

// What makes no sense changes nothing.
func TestBadChange(t *testing.T) {
	store := settings.NewMemory()
	s := table(t, store)
	broken := errors.New("no")
	for _, c := range []struct {
		change func(*settings.User) error
		want   error
	}{
		{func(u *settings.User) error { u.Always = "alice"; return nil }, settings.ErrTarget},
		{func(u *settings.User) error { u.Busy = alice; return nil }, settings.ErrTarget},
		{func(u *settings.User) error { u.Busy = strings.Repeat("1", 200); return nil }, settings.ErrTarget},
		{func(u *settings.User) error { u.Also = "1\r\nX: y"; return nil }, settings.ErrTarget},
		{func(u *settings.User) error { u.RingTime = time.Second; return nil }, settings.ErrRingTime},
		{func(u *settings.User) error { u.RingTime = time.Hour; return nil }, settings.ErrRingTime},
		{func(u *settings.User) error { u.DoNotDisturb = true; return broken }, broken},
	} {
		if _, err := s.Change(t.Context(), alice, c.change); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
		if !s.Of(alice).IsZero() || !table(t, store).Of(alice).IsZero() {
			t.Errorf("it holds all the same: %+v", s.Of(alice))
		}
	}
}
