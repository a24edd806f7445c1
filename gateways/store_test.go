package gateways_test

import (
	"testing"

	"tandem/gateways"
	"tandem/gateways/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (gateways.Store, func() gateways.Store) {
		m := gateways.NewMemory()
		return m, func() gateways.Store { return m }
	})
}
