package winfo_test

import (
	"testing"

	"tandem/rtc/event/storetest"
	"tandem/rtc/event/winfo"
)

func TestMemory(t *testing.T) {
	storetest.RunWaiting(t, func(*testing.T) (winfo.Store, func() winfo.Store) {
		s := winfo.NewMemory()
		return s, func() winfo.Store { return s }
	})
}
