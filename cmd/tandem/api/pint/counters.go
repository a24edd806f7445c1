package pint

import (
	"context"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/pint/service"
	"tandem/pint/stats"
)

// PINTCounters are those of RFC 3055 of one service and period, in all or of one
// client, user or gateway.
type PINTCounters struct {
	Table        string `json:"table" yaml:"table" doc:"global, client, user or gateway"`
	Name         string `json:"name,omitempty" yaml:"name,omitempty" doc:"Of the client, user or gateway"`
	Service      string `json:"service" yaml:"service" doc:"r2c, r2f, r2fb or r2hc"`
	Period       string `json:"period" yaml:"period" doc:"last30sec, last15min, last24Hr or sinceReboot"`
	Received     uint64 `json:"callsReceived" yaml:"callsReceived"`
	Successful   uint64 `json:"successfulCalls" yaml:"successfulCalls"`
	Disconnected uint64 `json:"disconnectedCalls" yaml:"disconnectedCalls"`
	AuthFailed   uint64 `json:"disCUAutFCalls" yaml:"disCUAutFCalls" doc:"The client or user may not have them"`
	ServProblem  uint64 `json:"disServProbCalls" yaml:"disServProbCalls" doc:"The service could not be done"`
	GatProblem   uint64 `json:"disGatProbCalls" yaml:"disGatProbCalls" doc:"No gateway took the call"`
}

// PINTService is one entry of the table of services.
type PINTService struct {
	Name     string `json:"name" yaml:"name"`
	Kind     string `json:"kind" yaml:"kind"`
	First    string `json:"first" yaml:"first"`
	Party    string `json:"party,omitempty" yaml:"party,omitempty"`
	AnyParty bool   `json:"any_party" yaml:"any_party" doc:"B may be any number that the user may call"`
	Retries  int    `json:"retries" yaml:"retries"`
}

func (n *nouns) registerCounters(set *op.Set) {
	op.Read(set, op.Op{Path: "/pint/counters", ID: "list-pint-counters", Short: "List the counters of RFC 3055", Scope: access.Read("pint"), Needs: n.Running}, n.counters)
	op.Read(set, op.Op{Path: "/pint/services", ID: "list-pint-services", Short: "List the services there are", Scope: access.Read("pint"), Needs: n.Running}, n.services)
}

func (n *nouns) counters(_ context.Context, in *struct {
	op.Paging
	Table string `query:"table" enum:"global,client,user,gateway"`
}) (op.Page[PINTCounters], error) {
	list := []PINTCounters{}
	for _, r := range n.Executive.Stats().Rows(time.Now()) {
		if in.Table != "" && in.Table != string(r.Table) {
			continue
		}
		c := r.Counts
		list = append(list, PINTCounters{string(r.Table), r.Name, string(r.Service), string(r.Period), c[stats.Received], c[stats.Successful],
			c[stats.Disconnected], c[stats.AuthFailed], c[stats.ServiceProblem], c[stats.GatewayProblem]})
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) services(_ context.Context, in *struct{ op.Paging }) (op.Page[PINTService], error) {
	list := []PINTService{}
	for _, s := range n.Executive.Services().All() {
		list = append(list, shownService(s))
	}
	return op.InOrder(in.Paging, list)
}

func shownService(s *service.Service) PINTService {
	return PINTService{s.Name, string(s.Kind), string(s.First), s.Party, s.AnyParty, s.Retries}
}
