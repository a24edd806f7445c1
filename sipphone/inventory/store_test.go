package inventory_test

import (
	"testing"

	"tandem/sipphone/inventory"
	"tandem/sipphone/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (inventory.Store, func() inventory.Store) {
		m := inventory.NewMemory()
		return m, func() inventory.Store { return m }
	})
}
