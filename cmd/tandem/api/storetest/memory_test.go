package storetest

import (
	"testing"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/api/idempotency"
	"tandem/cmd/tandem/api/outbox"
)

// forgets opens a store in memory: "again" is the same one.
func forgets[S any](make func() S) Open[S] {
	return func(*testing.T) (S, func() S) {
		s := make()
		return s, func() S { return s }
	}
}

func TestMemory(t *testing.T) {
	t.Run("tokens", func(t *testing.T) { Tokens(t, forgets(func() access.Store { return access.NewMemory() })) })
	t.Run("audit", func(t *testing.T) { Audit(t, forgets(func() audit.Store { return new(audit.Memory) })) })
	t.Run("outbox", func(t *testing.T) { Outbox(t, forgets(func() outbox.Store { return outbox.NewMemory() })) })
	t.Run("idempotency", func(t *testing.T) {
		Idempotency(t, forgets(func() idempotency.Store { return idempotency.NewMemory() }))
	})
}
