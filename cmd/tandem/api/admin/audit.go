package admin

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	op "tandem/cmd/tandem/api/operation"
)

// Change is one change of the audit log.
type Change struct {
	ID        int64         `json:"id" yaml:"id"`
	Time      time.Time     `json:"time" yaml:"time"`
	Who       string        `json:"who" yaml:"who" doc:"local:USER on the control socket, with the name of the login when that is another, as in local:tandem(alice); token:NAME over HTTPS"`
	Operation string        `json:"operation" yaml:"operation" example:"change-user"`
	Resource  string        `json:"resource" yaml:"resource" example:"users/sip:alice@example.com"`
	Outcome   audit.Outcome `json:"outcome" yaml:"outcome" enum:"begun,done,failed,interrupted" doc:"interrupted: the server ended while it was under way"`
	Why       string        `json:"why,omitempty" yaml:"why,omitempty" doc:"Of a failure"`
	Before    any           `json:"before,omitempty" yaml:"before,omitempty" doc:"The resource as it was, secrets masked"`
	After     any           `json:"after,omitempty" yaml:"after,omitempty" doc:"The resource as it became, secrets masked"`
}

func (n *nouns) registerAudit() {
	op.Read(n.set, op.Op{Path: "/audit", ID: "list-audit", Short: "List who changed what, newest first", Scope: access.Read("audit")}, n.listAudit)
}

func change(r audit.Row) Change {
	c := Change{ID: r.ID, Time: r.Time, Who: r.Who, Operation: r.Operation, Resource: r.Resource, Outcome: r.Outcome, Why: r.Why}
	if r.Before != nil {
		c.Before = r.Before
	}
	if r.After != nil {
		c.After = r.After
	}
	return c
}

// listAudit pages by the store, since the log may be long: the cursor is the ID of
// the last row.
func (n *nouns) listAudit(ctx context.Context, in *struct {
	op.Paging
	Who      string    `query:"who" doc:"Only changes of this caller"`
	Resource string    `query:"resource" doc:"Only changes of this resource and of what is below it"`
	Since    time.Time `query:"since" doc:"Only changes since then"`
}) (op.Page[Change], error) {
	page := op.Page[Change]{Items: []Change{}}
	after, err := in.After()
	if err != nil {
		return page, err
	}
	q := audit.Query{Limit: in.Limit + 1, Who: in.Who, Resource: in.Resource, Since: in.Since}
	if after != "" {
		if q.Before, err = strconv.ParseInt(after, 10, 64); err != nil {
			return page, op.WrongCursor()
		}
	}
	rows, err := n.Audit.Rows(ctx, q)
	if err != nil {
		return page, err
	}
	for _, r := range rows {
		if len(page.Items) == in.Limit {
			last := strconv.FormatInt(page.Items[in.Limit-1].ID, 10)
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
			break
		}
		page.Items = append(page.Items, change(r))
	}
	return page, nil
}
