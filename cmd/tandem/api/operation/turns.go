package operation

import (
	"context"
	"hash/maphash"
)

// turns lets one change of a resource be made at a time, so that nothing comes
// between the look at If-Match and the change. Resources share few turns.
type turns struct {
	seed maphash.Seed
	free [64]chan struct{}
}

func (t *turns) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.free {
		t.free[i] = make(chan struct{}, 1)
		t.free[i] <- struct{}{}
	}
}

// take waits for the turn of a resource; done gives it back.
func (t *turns) take(ctx context.Context, resource string) (done func(), err error) {
	c := t.free[maphash.String(t.seed, resource)%uint64(len(t.free))]
	select {
	case <-c:
		return func() { c <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
