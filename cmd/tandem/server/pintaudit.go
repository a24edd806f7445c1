package server

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"

	"tandem/cmd/tandem/api/audit"
	op "tandem/cmd/tandem/api/operation"
	apipint "tandem/cmd/tandem/api/pint"
	"tandem/pint/gateway"
)

// pintAudit puts requests that come by SIP into the audit log; those by the API and by
// Click-to-Dial have their rows from there.
type pintAudit struct {
	log  func() *audit.Log
	rows chan pintRow
}

type pintRow struct {
	gateway.Row
	done func(error)
}

// The rows that wait, and how many are written at a time: each waits for the disk.
const (
	maxPINTRows = 4096
	pintWriters = 16
)

var errPINTRows = errors.New("too many rows wait for the disk")

func newPINTAudit(log func() *audit.Log) pintAudit {
	return pintAudit{log: log, rows: make(chan pintRow, maxPINTRows)}
}

// record is Config.Record of the gateway.
func (a pintAudit) record(row gateway.Row, done func(error)) error {
	select {
	case a.rows <- pintRow{row, done}:
		return nil
	default:
		return errPINTRows
	}
}

// run writes rows until ctx ends.
func (a pintAudit) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range pintWriters {
		wg.Go(func() {
			for {
				select {
				case row := <-a.rows:
					row.done(a.write(context.WithoutCancel(ctx), row.Row))
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
	for len(a.rows) > 0 { // requests of the last moment are on record, too
		row := <-a.rows
		row.done(a.write(context.WithoutCancel(ctx), row.Row))
	}
}

// write writes one row.
func (a pintAudit) write(ctx context.Context, row gateway.Row) error {
	operation := map[gateway.Deed]string{gateway.Ask: "ask-pint-call", gateway.Move: "change-pint-call", gateway.Stop: "cancel-pint-call"}[row.Deed]
	resource := op.Resource("pint", "calls")
	var before, after any
	switch {
	case row.Passed:
		after = map[string]string{"service": row.Order.Service, "a": row.Order.A.String(), "b": row.Order.B.String(), "done": "by a registered gateway"}
	case row.Session == nil: // what was asked for, as far as it could be read
		before = map[string]string{"service": row.Order.Service, "a": row.Order.A.String(), "b": row.Order.B.String(), "client": row.Order.Client}
	default:
		resource = op.Resource("pint", "calls", row.Session.ID)
		if shown := apipint.Shown(row.Session); row.Deed == gateway.Stop {
			before = shown
		} else {
			after = shown
		}
	}
	id, err := a.log().Begin(ctx, "sip:"+strings.TrimPrefix(cmp.Or(string(row.Order.By), row.Order.Client), "sip:"), operation, resource, before)
	if err != nil {
		return err
	}
	if row.Refused != nil {
		return a.log().Failed(ctx, id, row.Refused)
	}
	return a.log().Done(ctx, id, after)
}
