package operation

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tandem/cmd/tandem/api/access"
)

// notice is what a change leaves for the record: whether it has begun, and so has a row,
// or why it was not let in.
type notice struct {
	begun bool
	why   error
}

type noticeKey struct{}

// noticeOf is the notice of a request; one that nobody reads when there is none.
func noticeOf(ctx context.Context) *notice {
	if n, ok := ctx.Value(noticeKey{}).(*notice); ok {
		return n
	}
	return new(notice)
}

// refusals puts on record who was refused an operation that wants that before it had
// begun: without the scope, with a body that makes no sense, about what is not there.
func (s *Set) refusals(op Op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if !op.Record || s.cfg.Record == nil {
			next(ctx)
			return
		}
		n := new(notice)
		next(huma.WithValue(ctx, noticeKey{}, n))
		if status := ctx.Status(); n.why == nil && status >= http.StatusBadRequest {
			n.why = fmt.Errorf("refused: %d %s", status, http.StatusText(status))
		}
		if !n.begun && n.why != nil {
			s.refused(context.WithoutCancel(ctx.Context()), op, ctx.URL().Path, n.why)
		}
	}
}

// refused writes the row of a change that never began.
func (s *Set) refused(ctx context.Context, op Op, path string, why error) {
	d := &Deed{Operation: op.ID, Resource: path[min(len(Base)+1, len(path)):], Who: access.Of(ctx).Name, Scope: op.Scope}
	id, err := s.cfg.Record.Begin(ctx, d)
	if err == nil {
		err = s.cfg.Record.Failed(ctx, id, d, why)
	}
	if err != nil {
		s.cfg.Log.Error("audit row of a refused change not written", "err", err)
	}
}
