package server

import (
	"cmp"
	"strings"

	"tandem/cmd/tandem/api/audit"
	op "tandem/cmd/tandem/api/operation"
	apipint "tandem/cmd/tandem/api/pint"
	"tandem/pint/gateway"
)

// recordPINT puts a request that came by SIP into the audit log; those by the API and by
// Click-to-Dial have their rows from there. It is Config.Record of the gateway.
func (s *Server) recordPINT(row gateway.Row, done func(error)) error {
	order := row.Order
	d := audit.Deed{
		Who:       "sip:" + strings.TrimPrefix(cmp.Or(string(order.By), order.Client), "sip:"),
		Operation: map[gateway.Deed]string{gateway.Ask: "ask-pint-call", gateway.Move: "change-pint-call", gateway.Stop: "cancel-pint-call"}[row.Deed],
		Resource:  op.Resource("pint", "calls"),
		Why:       row.Refused,
	}
	if row.Session == nil {
		asked := map[string]string{"service": order.Service, "a": order.A.String(), "b": order.B.String(), "client": order.Client}
		if row.Passed {
			asked["done"] = "by a registered gateway"
			d.After = asked
		} else {
			d.Before = asked
		}
		return s.state.Audit.Keep(d, done)
	}
	d.Resource = op.Resource("pint", "calls", row.Session.ID)
	if shown := apipint.Shown(row.Session); row.Deed == gateway.Stop || row.Refused != nil {
		d.Before = shown
	} else {
		d.After = shown
	}
	return s.state.Audit.Keep(d, done)
}
