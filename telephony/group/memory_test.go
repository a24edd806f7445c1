package group_test

import (
	"testing"

	"tandem/telephony/group"
	"tandem/telephony/group/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (group.Store, func() group.Store) {
		m := group.NewMemory()
		return m, func() group.Store { return m }
	})
}
