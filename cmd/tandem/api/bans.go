package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
)

// Ban is an address, or one user at it, that is not listened to for a while.
type Ban struct {
	Addr  string    `json:"addr" yaml:"addr"`
	User  string    `json:"user,omitempty" yaml:"user,omitempty" doc:"As claimed; absent when the whole address is banned"`
	Until time.Time `json:"until" yaml:"until"`
	Times int       `json:"times" yaml:"times" doc:"How often in a row"`
}

// Lifted is how many bans were lifted.
type Lifted struct {
	Lifted int `json:"lifted" yaml:"lifted"`
}

func (a *API) registerBans() {
	op.Read(a.set, op.Op{Path: "/bans", ID: "list-bans", Short: "List addresses shut out for wrong credentials",
		Scope: access.Read("bans"), Needs: a.running}, a.listBans)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/bans/{addr}", ID: "lift-ban", Short: "Listen to an address again",
		Scope: access.Write("bans"), Event: "ban.lifted", Needs: a.running}, a.liftBan)
}

func (a *API) listBans(_ context.Context, in *struct{ op.Paging }) (op.Page[Ban], error) {
	list := []Ban{}
	for _, b := range a.Gate.Bans() {
		list = append(list, Ban{Addr: b.Addr.String(), User: b.User, Until: b.Until.Truncate(time.Second), Times: b.Times})
	}
	return op.InOrder(in.Paging, list)
}

func (a *API) liftBan(ctx context.Context, do *op.Doing, in *struct {
	Addr string `path:"addr" doc:"IP address"`
	User string `query:"user" doc:"Only the ban of this user at the address"`
}) (Lifted, error) {
	addr, err := netip.ParseAddr(in.Addr)
	if err != nil {
		return Lifted{}, problem.Invalid("address_invalid", fmt.Sprintf("%q is not an IP address", in.Addr), "see: tandem bans list")
	}
	if err := do.Begin(ctx, op.Resource("bans", addr.String()), nil); err != nil {
		return Lifted{}, err
	}
	out := Lifted{a.Gate.Unban(addr, in.User)}
	do.After = out
	return out, nil
}
