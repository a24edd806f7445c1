package kept_test

import (
	"testing"

	"tandem/rtc/im/kept"
	"tandem/rtc/im/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (kept.Store, func() kept.Store) {
		s := kept.NewMemory()
		return s, func() kept.Store { return s }
	})
}
