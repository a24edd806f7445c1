package presence_test

import (
	"testing"

	"tandem/rtc/presence"
	"tandem/rtc/presence/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (presence.Store, func() presence.Store) {
		s := presence.NewMemory()
		return s, func() presence.Store { return s }
	})
}
