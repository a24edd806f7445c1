package hotdesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc"
	"tandem/sipphone"
	"tandem/sipphone/storetest"
)

func TestMemory(t *testing.T) {
	storetest.PINs(t, func(*testing.T) (storetest.PINStore, func() storetest.PINStore) {
		m := NewMemory()
		return m, func() storetest.PINStore { return m }
	})
}

// TestLogin: the right PIN logs in, also after others were wrong; five wrong ones,
// for a user or at a phone, shut out for a quarter of an hour and are told.
func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []string
		var guessed []string
		d := New(Config{Store: NewMemory(), PIN: func(u rtc.AOR, g int) string { return fmt.Sprint(u, g) },
			Login: func(_ context.Context, mac sipphone.MAC, user rtc.AOR) error {
				at = append(at, fmt.Sprint(mac, user))
				return nil
			},
			Logout: func(context.Context, sipphone.MAC) error { return nil }, Guessing: func(who string) { guessed = append(guessed, who) }, Log: slog.New(slog.DiscardHandler)})
		login := func(mac sipphone.MAC, user rtc.AOR, pin string) error { return d.Login(t.Context(), mac, user, pin) }
		if err := login("m", "a", ""); !errors.Is(err, ErrPIN) {
			t.Errorf("without a PIN: %v", err)
		}
		first, _ := d.Give(t.Context(), "a")
		second, _ := d.Give(t.Context(), "a")
		if first == second || d.pin("a") != second {
			t.Errorf("%s %s", first, second)
		}
		if err := login("m", "a", first); !errors.Is(err, ErrPIN) {
			t.Errorf("with the one of before: %v", err)
		}
		if err := login("m", "a", second); err != nil || len(at) != 1 {
			t.Errorf("%v %v", at, err)
		}
		for i := range tries {
			if err := login(sipphone.MAC(fmt.Sprint(i)), "a", "x"); !errors.Is(err, ErrPIN) {
				t.Errorf("%v", err)
			}
		}
		if err := login("n", "a", second); !errors.Is(err, ErrGuests) || len(guessed) != 1 || guessed[0] != "a" {
			t.Errorf("guessed from many phones: %v %v", err, guessed)
		}
		for i := range tries {
			_ = login("m", rtc.AOR(fmt.Sprint("u", i)), "x")
		}
		if len(guessed) != 2 || guessed[1] != "m" {
			t.Errorf("many users tried at one phone: %v", guessed)
		}
		time.Sleep(within)
		if err := login("m", "a", second); err != nil || len(at) != 2 {
			t.Errorf("a quarter of an hour later: %v", err)
		}
	})
}
