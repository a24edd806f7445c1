package im_test

import (
	"testing"

	"tandem/rtc/im"
	"tandem/rtc/im/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (im.Store, func() im.Store) {
		s := im.NewMemory()
		return s, func() im.Store { return s }
	})
}
