package cdr_test

import (
	"testing"

	"tandem/telephony/cdr"
	"tandem/telephony/cdr/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (cdr.Store, func() cdr.Store) {
		m := cdr.NewMemory()
		return m, func() cdr.Store { return m }
	})
}
