package api

import (
	"context"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc/proxy"
)

func (a *API) registerRoutes() {
	op.Read(a.set, op.Op{Path: "/routes", ID: "list-routes", Short: "List static routes, best match first",
		Scope: access.Read("routes"), Needs: a.running}, a.listRoutes)
}

func (a *API) listRoutes(_ context.Context, in *struct{ op.Paging }) (op.Page[proxy.Route], error) {
	return op.InOrder(in.Paging, a.Routes())
}
