package storetest

import (
	"testing"

	"tandem/pint"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) (pint.Store, func() pint.Store) {
		m := pint.NewMemory()
		return m, func() pint.Store { return m }
	})
}
