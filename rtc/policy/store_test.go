package policy_test

import (
	"testing"

	"tandem/rtc/policy"
	"tandem/rtc/policy/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (policy.Store, func() policy.Store) {
		m := policy.NewMemory()
		return m, func() policy.Store { return m }
	})
}
