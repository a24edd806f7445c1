// Package records is the operations on many call records at once: exports and
// reports.
package records

import (
	"context"
	"io"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/cdr/export"
)

// Rooms are what the operations act on.
type Rooms struct {
	Records  cdr.Store
	ParseAOR func(text string) (rtc.AOR, error)
	Running  func() error // nil while a server runs
}

type nouns struct{ Rooms }

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	op.Downloads(set, op.Op{Path: "/call-records-export", ID: "export-call-records", Short: "Export the records of calls, the oldest first",
		Long: "However many there are. An export that breaks off ends the connection without its end.", Scope: access.Read("calls"), Needs: rooms.Running},
		[]string{export.JSON.Type(), export.CSV.Type()}, n.export)
	op.Read(set, op.Op{Path: "/call-records-report", ID: "report-call-records", Short: "Add up the records of calls by user, trunk, kind, hour or day",
		Scope: access.Read("calls"), Needs: rooms.Running}, n.report)
}

// RecordQuery selects records.
type RecordQuery struct {
	State  string    `query:"state" enum:"open,completed,failed,interrupted"`
	User   string    `query:"user" doc:"As caller or called"`
	Trunk  string    `query:"trunk"`
	After  time.Time `query:"after" doc:"Started then or later"`
	Before time.Time `query:"before" doc:"Started before"`
}

func (n *nouns) query(in RecordQuery) (q cdr.Query, err error) {
	q = cdr.Query{State: cdr.State(in.State), Trunk: in.Trunk, After: in.After, Before: in.Before}
	if strings.HasPrefix(in.User, "tel:") {
		q.User = rtc.AOR(in.User)
	} else if in.User != "" {
		q.User, err = n.ParseAOR(in.User)
	}
	return q, err
}

func (n *nouns) export(_ context.Context, in *struct {
	RecordQuery
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl"`
}) (op.Download, error) {
	q, err := n.query(in.RecordQuery)
	f := export.Format(in.Format)
	return op.Download{Type: f.Type(), Write: func(ctx context.Context, w io.Writer) error {
		out := export.New(f, w)
		if err := n.Records.Each(ctx, q, out.Write); err != nil {
			return err
		}
		return out.Flush()
	}}, err
}

// CallReport is what calls come to.
type CallReport struct {
	By   string    `json:"by" yaml:"by"`
	Sums []CallSum `json:"sums" yaml:"sums" nullable:"false"`
}

// CallSum is what the calls of one key come to.
type CallSum struct {
	Key      string  `json:"key" yaml:"key" doc:"The user who pays, the trunk, the kind of number, the hour or the day"`
	Calls    int     `json:"calls" yaml:"calls"`
	Answered int     `json:"answered" yaml:"answered"`
	Minutes  float64 `json:"minutes" yaml:"minutes" doc:"Of conversation"`
	Delay    float64 `json:"post_dial_delay_s" yaml:"post_dial_delay_s" doc:"Average of those that rang"`
	MOS      float64 `json:"mos,omitempty" yaml:"mos,omitempty" doc:"Average of both sides, where measured"`
}

func (n *nouns) report(ctx context.Context, in *struct {
	RecordQuery
	By string `query:"by" enum:"user,trunk,kind,hour,day" default:"day"`
}) (CallReport, error) {
	out := CallReport{By: in.By, Sums: []CallSum{}}
	q, err := n.query(in.RecordQuery)
	if err != nil {
		return out, err
	}
	report := export.NewReport(export.By(in.By))
	if err := n.Records.Each(ctx, q, func(r *cdr.Record) error { report.Add(r); return nil }); err != nil {
		return out, err
	}
	for _, s := range report.Sums() {
		out.Sums = append(out.Sums, CallSum{s.Key, s.Calls, s.Answered, s.Talked.Minutes(), s.Delay.Seconds(), s.MOS})
	}
	return out, nil
}
