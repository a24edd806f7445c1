package api

import (
	"context"
	"iter"
	"strconv"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc/proxy"
)

func (a *API) registerRoutes() {
	op.Read(a.set, op.Op{Path: "/routes", ID: "list-routes", Short: "List static routes, best match first",
		Scope: access.Read("routes"), Needs: a.running}, a.listRoutes)
}

// place is an element of a list that has no key but its place.
type place[T any] struct {
	n int
	v T
}

func (a *API) listRoutes(_ context.Context, in *struct{ op.Paging }) (op.Page[proxy.Route], error) {
	return inOrder(in.Paging, a.Routes())
}

// inOrder takes one page off a short list whose order is its meaning.
func inOrder[T any](p op.Paging, list []T) (op.Page[T], error) {
	page, err := op.Paginate(p, func(x place[T]) string { return strconv.Itoa(x.n) }, func(after string) iter.Seq[place[T]] {
		last, err := strconv.Atoi(after)
		if err != nil {
			last = -1
		}
		return func(yield func(place[T]) bool) {
			for i := last + 1; i < len(list); i++ {
				if !yield(place[T]{i, list[i]}) {
					return
				}
			}
		}
	})
	out := op.Page[T]{Items: make([]T, 0, len(page.Items)), Next: page.Next}
	for _, x := range page.Items {
		out.Items = append(out.Items, x.v)
	}
	return out, err
}
