package event_test

import (
	"testing"

	"tandem/rtc/event"
	"tandem/rtc/event/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (event.Store, func() event.Store) {
		s := event.NewMemory()
		return s, func() event.Store { return s }
	})
}
