package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/telephony/cdr"
)

// row is what of a record has no column, in JSON. Times are unix milliseconds.
// compact.go reads the same, and write.go writes it.
type row struct {
	Display  string       `json:"display,omitempty"`
	To       string       `json:"to"`
	Number   string       `json:"number,omitempty"`
	Payer    rtc.AOR      `json:"payer,omitempty"`
	Kind     string       `json:"kind,omitempty"`
	Tried    []cdr.Try    `json:"tried,omitempty"`
	Story    []cdr.Step   `json:"story,omitempty"`
	Ringing  int64        `json:"ringing,omitempty"`
	Answered int64        `json:"answered,omitempty"`
	Held     int64        `json:"held,omitempty"` // milliseconds
	EndedBy  string       `json:"ended_by,omitempty"`
	Code     int          `json:"code,omitempty"`
	Cause    int          `json:"cause,omitempty"`
	Text     string       `json:"text,omitempty"`
	CallIDs  [2]string    `json:"call_ids"`
	Sides    [2]cdr.Sound `json:"sides"`
}

func rowOf(r *cdr.Record) row {
	return row{r.Display, r.To, r.Number, r.Payer, r.Kind, r.Tried, r.Story, store.Millis(r.Ringing), store.Millis(r.Answered), r.Held.Milliseconds(),
		r.EndedBy, r.Code, r.Cause, r.Text, r.CallIDs, r.Sides}
}

func (v *row) into(r *cdr.Record) {
	r.Display, r.To, r.Number, r.Payer, r.Tried, r.EndedBy = v.Display, v.To, v.Number, v.Payer, v.Tried, v.EndedBy
	r.Story, r.Kind = v.Story, v.Kind
	r.Code, r.Cause, r.Text, r.CallIDs, r.Sides = v.Code, v.Cause, v.Text, v.CallIDs, v.Sides
	r.Ringing, r.Answered, r.Held = fromMillis(v.Ringing), fromMillis(v.Answered), time.Duration(v.Held)*time.Millisecond
}

// scanned is a row of the table on its way into a record.
type scanned struct {
	started, ended int64
	data           string
}

// fields are where the columns go, those of a record straight into r.
func (in *scanned) fields(r *cdr.Record) []any {
	return []any{&r.ID, (*string)(&r.State), (*string)(&r.From), (*string)(&r.Called), &r.Trunk, &in.started, &in.ended, &in.data}
}

// into fills the record whose columns were scanned. Its lists are used again.
func (in *scanned) into(r *cdr.Record) error {
	r.Started, r.Ended = fromMillis(in.started), fromMillis(in.ended)
	if readCompact(in.data, r) {
		return nil
	}
	var v row
	if err := json.Unmarshal([]byte(in.data), &v); err != nil {
		return fmt.Errorf("record of call %s: %w", r.ID, err)
	}
	v.into(r)
	return nil
}

func read(scan func(...any) error) (r cdr.Record, err error) {
	var in scanned
	if err := scan(in.fields(&r)...); err != nil {
		return r, err
	}
	return r, in.into(&r)
}
