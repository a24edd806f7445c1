package settings_test

import (
	"testing"

	"tandem/telephony/settings"
	"tandem/telephony/settings/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (settings.Store, func() settings.Store) {
		m := settings.NewMemory()
		return m, func() settings.Store { return m }
	})
}
