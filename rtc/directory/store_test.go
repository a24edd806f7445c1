package directory_test

import (
	"testing"

	"tandem/rtc/directory"
	"tandem/rtc/directory/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (directory.Store, func() directory.Store) {
		m := directory.NewMemory()
		return m, func() directory.Store { return m }
	})
}
