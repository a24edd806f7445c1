package location_test

import (
	"testing"

	"tandem/rtc/location"
	"tandem/rtc/location/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (location.Store, func() location.Store) {
		m := location.NewMemory()
		return m, func() location.Store { return m }
	})
}
