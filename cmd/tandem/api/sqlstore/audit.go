package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"

	"tandem/cmd/tandem/api/audit"
	"tandem/rtc/store"
)

// Audit implements audit.Store.
type Audit struct{ db *store.DB }

var _ audit.Store = (*Audit)(nil)

// NewAudit makes the Store over an open database.
func NewAudit(db *store.DB) *Audit { return &Audit{db} }

// Note implements audit.Store.
func (s *Audit) Note(r audit.Row, done func(error)) error { return s.db.Put(insertion(r), done) }

// Begin implements audit.Store.
func (s *Audit) Begin(ctx context.Context, r audit.Row) error {
	c := insertion(r)
	return do(ctx, s.db, "storing audit row", c.Octets-rowOctets, c.Apply)
}

// insertion is the change that keeps a new row.
func insertion(r audit.Row) store.Change {
	octets := rowOctets + len(r.Who) + len(r.Resource) + len(r.Why) + len(r.Before) + len(r.After)
	return store.Change{Octets: octets, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO api_audit (id, at, who, operation, resource, outcome, why, before, after)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			r.ID, store.Millis(r.Time), r.Who, r.Operation, r.Resource, string(r.Outcome), r.Why, text(r.Before), text(r.After))
		return err
	}}
}

// Finish implements audit.Store.
func (s *Audit) Finish(ctx context.Context, id int64, o audit.Outcome, why string, after json.RawMessage) error {
	return do(ctx, s.db, "storing audit row", len(why)+len(after), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE api_audit SET outcome = $1, why = $2, after = $3 WHERE id = $4`, string(o), why, text(after), id)
		return err
	})
}

// text is JSON as a column has it, NULL for none.
func text(j json.RawMessage) any {
	if j == nil {
		return nil
	}
	return string(j)
}

const auditColumns = `SELECT id, at, who, operation, resource, outcome, why, before, after FROM api_audit WHERE id < $1 AND at >= $2 `

// Rows implements audit.Store.
func (s *Audit) Rows(ctx context.Context, q audit.Query) ([]audit.Row, error) {
	before := q.Before
	if before == 0 {
		before = math.MaxInt64
	}
	query, args := auditColumns, []any{before, store.Millis(q.Since)}
	switch { // a text for each, so that each finds its index
	case q.Who == "" && q.Resource == "":
		query += `ORDER BY id DESC LIMIT $3`
	case q.Resource == "":
		query, args = query+`AND who = $3 ORDER BY id DESC LIMIT $4`, append(args, q.Who)
	case q.Who == "":
		query, args = query+`AND (resource = $3 OR resource >= $4 AND resource < $5) ORDER BY id DESC LIMIT $6`, append(args, below(q.Resource)...)
	default:
		query, args = query+`AND (resource = $3 OR resource >= $4 AND resource < $5) AND who = $6 ORDER BY id DESC LIMIT $7`,
			append(append(args, below(q.Resource)...), q.Who)
	}
	rows, err := s.db.Read().QueryContext(ctx, query, append(args, q.Limit)...)
	if err != nil {
		return nil, s.db.Fault("reading the audit log", err)
	}
	defer func() { _ = rows.Close() }()
	var list []audit.Row
	for rows.Next() {
		r, err := auditRow(rows)
		if err != nil {
			return nil, s.db.Fault("reading the audit log", err)
		}
		list = append(list, r)
	}
	return list, s.db.Fault("reading the audit log", rows.Err())
}

// below are a resource and the bounds of what is below it: "0" comes after "/".
func below(resource string) []any { return []any{resource, resource + "/", resource + "0"} }

func auditRow(rows *sql.Rows) (r audit.Row, err error) {
	var at int64
	var before, after sql.NullString
	err = rows.Scan(&r.ID, &at, &r.Who, &r.Operation, &r.Resource, &r.Outcome, &r.Why, &before, &after)
	r.Time = store.FromMillis(at)
	if before.Valid {
		r.Before = json.RawMessage(before.String)
	}
	if after.Valid {
		r.After = json.RawMessage(after.String)
	}
	return r, err
}

// Interrupt implements audit.Store.
func (s *Audit) Interrupt(ctx context.Context) (int, error) {
	return affect(ctx, s.db, "settling the audit log", `UPDATE api_audit SET outcome = 'interrupted' WHERE outcome = 'begun'`)
}

// Prune implements audit.Store.
func (s *Audit) Prune(ctx context.Context, before int64, limit int) (int, error) {
	return affect(ctx, s.db, "deleting audit rows",
		`DELETE FROM api_audit WHERE id IN (SELECT id FROM api_audit WHERE id < $1 ORDER BY id LIMIT $2)`, before, limit)
}
